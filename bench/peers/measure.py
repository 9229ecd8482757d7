"""What the scripts of the peers share: the order, the ledger, and the measuring of one peer.

Every job of every peer does the same nothing: it appends 16 bytes to a file, the ledger. A job is
done when its bytes are there. What a peer records of it afterwards is not waited for, which
favours the peers.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LINE = b"0123456789abcde\n"
#: Pause between two looks at the ledger where one job or chain is waited for.
LOOK_S = 0.0002
#: The same for many jobs, so that looking takes nothing from the workers.
BATCH_LOOK_S = 0.002
START_TIMEOUT_S = 20.0
#: A batch of jobs or a chain that takes longer has got stuck.
STUCK_S = 60.0

ORDER = json.loads(os.environ["BENCH_ORDER"])
FOLDER = Path(ORDER["folder"])
REDIS_URL = ORDER["redis_url"]
POSTGRES_URL = ORDER["postgres_url"]
WORKERS = ORDER["workers"]
LEDGER = FOLDER / "ledger"
HERE = Path(__file__).resolve().parent

_descriptor: dict[int, int] = {}


def note() -> None:
    """Append one line to the ledger: the work of every job."""
    own = os.getpid()
    if own not in _descriptor:
        _descriptor[own] = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(_descriptor[own], LINE)


def noted() -> int:
    """Return how many lines the ledger has."""
    try:
        return LEDGER.stat().st_size // len(LINE)
    except FileNotFoundError:
        return 0


def await_noted(count: int, timeout_s: float = STUCK_S, look_s: float = LOOK_S) -> None:
    """Wait for the ledger to have that many lines, looking every `look_s` seconds."""
    until = time.perf_counter() + timeout_s
    while noted() < count:
        if time.perf_counter() > until:
            raise TimeoutError(f"{noted()} of {count} jobs were done after {timeout_s:g} s")
        time.sleep(look_s)


@dataclass(kw_only=True)
class Peer:
    """One system in one configuration."""

    system: str  #: name
    configuration: str  #: of this measurement
    version: str  #: of its package
    store: str  #: redis, sqlite or postgresql
    guarantee: str  #: in one phrase
    commands: list[list[str]]  #: the processes that work
    prepare: list[str] | None = None  #: run to its end before they start
    enqueue: Callable[[int], object]  #: enqueue so many jobs one by one
    enqueue_many: Callable[[int], object] | None = None  #: the same in one call
    chain: Callable[[int], object] | None = None  #: enqueue a chain of so many jobs
    reasons: dict[str, str] = field(default_factory=dict)  #: why a row is not measured
    is_slow: bool = False  #: a few hundred jobs a second: fewer are enqueued


def python(*arguments: str) -> list[str]:
    """Return a command of this very interpreter."""
    return [sys.executable, *arguments]


@contextlib.contextmanager
def working(peer: Peer) -> Iterator[None]:
    """Start the processes of a peer; end them and what they started at the end."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    processes: list[subprocess.Popen[bytes]] = []
    with (FOLDER / "workers.log").open("ab") as log:
        try:
            if peer.prepare is not None:
                _finish(_start(peer.prepare, env, log))
            processes += [_start(command, env, log) for command in peer.commands]
            yield
        finally:
            end(processes)


def _finish(process: subprocess.Popen[bytes]) -> None:
    if process.wait() != 0:
        raise RuntimeError(f"preparing ended with {process.returncode}; see workers.log")


def _start(command: list[str], env: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a command of ours
        command, cwd=FOLDER, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End processes: by asking, then by killing. `ratchet bench` ends what they leave behind."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + 5
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, until - time.monotonic()))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def measure(peer: Peer) -> dict[str, object]:
    """Measure one peer and return what `ratchet bench` reads."""
    LEDGER.unlink(missing_ok=True)
    count = ORDER["slow_runs"] if peer.is_slow else ORDER["runs"]
    samples: dict[str, list[float]] = {}
    reasons = dict(peer.reasons)
    with working(peer):
        peer.enqueue(WORKERS)  # warms up
        await_noted(WORKERS, START_TIMEOUT_S)
        peer.enqueue(max(1, count // 10))
        await_noted(WORKERS + max(1, count // 10))
        rows = (
            ("latency", lambda: [_latency(peer) for _ in range(ORDER["latency"])]),
            ("one_by_one", lambda: _rates(peer.enqueue, count)),
            ("batches", lambda: _rates(peer.enqueue_many, count)),
            ("chain", lambda: _chains(peer)),
        )
        for name, row in rows:
            try:
                samples[name] = row()
            except (LookupError, TimeoutError) as error:
                reasons.setdefault(name, str(error.args[0]))
    return {
        "system": f"{peer.system} {peer.version} ({peer.configuration})",
        "store": peer.store,
        "guarantee": peer.guarantee,
        "runs": count,
        "samples": samples,
        "reasons": reasons,
    }


def _latency(peer: Peer) -> float:
    """Return the milliseconds from enqueuing one job to its line, after a gap."""
    time.sleep(ORDER["gap_s"])
    before = noted()
    began = time.perf_counter()
    peer.enqueue(1)
    await_noted(before + 1, 10.0)
    return (time.perf_counter() - began) * 1e3


def _rates(enqueue: Callable[[int], object] | None, count: int) -> list[float]:
    """Return jobs per second, from the first enqueue to the last line, per repetition."""
    if enqueue is None:
        raise LookupError("it has no call that enqueues many")
    rates = []
    for _ in range(ORDER["repetitions"]):
        before = noted()
        began = time.perf_counter()
        enqueue(count)
        await_noted(before + count, look_s=BATCH_LOOK_S)
        rates.append(count / (time.perf_counter() - began))
    return rates


def _chains(peer: Peer) -> list[float]:
    """Return the milliseconds of some chains, from enqueuing to the last line."""
    if peer.chain is None:
        raise LookupError("it has no chains")
    samples = []
    for number in range(ORDER["chain_runs"] + 1):
        before = noted()
        began = time.perf_counter()
        peer.chain(ORDER["chain"])
        await_noted(before + ORDER["chain"])
        if number:  # the first one warms up
            samples.append((time.perf_counter() - began) * 1e3)
    return samples
