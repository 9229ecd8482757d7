"""The row of RabbitMQ: how soon a queue full of messages has become stored runs.

Celery and FastStream empty queues of the same length into the same database beside it, with one row
for each message. The workers are stopped meanwhile: nothing but taking and storing is measured.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ratchet_core.cli.bench.figure import POSTGRESQL, Figure, measured, unmeasured
from ratchet_core.cli.bench.peer import PEERS_VARIABLE, Peers
from ratchet_core.cli.bench.process import started, wait_until
from ratchet_core.cli.bench.site import Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP
from ratchet_core.errors import RatchetError

#: Names another broker than that of this machine.
RABBITMQ_VARIABLE: Final = "RATCHET_BENCH_RABBITMQ_URL"
PEER_NAMES: Final = ("celery", "faststream")
_LOCAL: Final = "amqp://guest:guest@127.0.0.1:5672"
_SCRIPT: Final = "rabbit_peer.py"
_START_TIMEOUT_S: Final = 60.0
_TIMEOUT_S: Final = 300.0
_LOOK_S: Final = 0.002
_PREFETCH: Final = 1000
_NOTES: Final = {
    "celery": "prefork, two processes, acks_late, prefetch 1,000; an insert and a commit each",
    "faststream": "one process, prefetch 1,000, four connections; an insert and a commit each",
}
_CONFIGURATION: Final = """\
input:
  max_waiting_steps: 10000000
  sources:
    - name: {queue}
      type: rabbitmq
      workflow: {workflow}
      options: {{url: "${{BENCH_RABBITMQ_URL}}", queue: {queue}, prefetch: {prefetch}}}
"""


@dataclass(frozen=True, slots=True)
class _Queue:
    """A queue of its own for one repetition."""

    name: str
    script: Path  #: that fills it
    log: Path
    environ: Mapping[str, str]  #: with the broker

    def run(self, python: str, *arguments: str) -> None:
        """Run the script to its end.

        Raises:
            OSError: it failed; its log says why.
        """
        with self.log.open("ab") as log:
            ended = subprocess.run(  # noqa: S603 - a command of ours
                [python, str(self.script), *arguments],
                env={**self.environ, "BENCH_QUEUE": self.name},
                stdout=log,
                stderr=log,
                timeout=_TIMEOUT_S,
                check=False,
            )
        if ended.returncode:
            raise OSError(f"'{arguments[0]}' at RabbitMQ failed; see {self.log.name}")


def rabbitmq(found: Peers, site: Site, environ: Mapping[str, str]) -> Iterator[Figure]:
    """Measure Ratchet, and the peers on the same PostgreSQL."""
    plain = Figure(
        name="messages of a RabbitMQ queue to stored runs",
        database=site.database,
        unit="messages/s",
        size=site.plan.messages,
    )
    url = environ.get(RABBITMQ_VARIABLE, _LOCAL)
    script = found.scripts / _SCRIPT
    if not script.exists():
        yield unmeasured(plain, f"{script} is part of the source tree")
        return
    site.stop_workers()
    shared = {**site.environ, "BENCH_RABBITMQ_URL": url, "BENCH_WORKERS": str(site.plan.workers)}
    yield _row(plain, lambda: _ratchet(site, script, shared))
    if site.database != POSTGRESQL:
        return
    shared["BENCH_DATABASE"] = site.environ["RATCHET_DATABASE_URL"].replace("+psycopg", "", 1)
    for name in PEER_NAMES:
        figure = replace(plain, system=name.capitalize(), note=_NOTES[name])
        python = found.python
        if python is None or not Path(python).exists():
            reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
            yield unmeasured(figure, reason)
            continue
        yield _row(figure, _peer_of(name, python, site, script, shared))


def _row(figure: Figure, sample: Callable[[], list[float]]) -> Figure:
    try:
        return measured(sample(), figure)
    except (TimeoutError, OSError, subprocess.TimeoutExpired, RatchetError) as error:
        return unmeasured(figure, str(error))


@contextlib.contextmanager
def _queue(site: Site, script: Path, shared: Mapping[str, str], what: str) -> Iterator[_Queue]:
    name = f"ratchet-bench-{uuid.uuid4().hex[:12]}"
    queue = _Queue(name, script, site.folder / f"rabbitmq-{what}.log", shared)
    try:
        yield queue
    finally:
        queue.run(sys.executable, "drop")


def _ratchet(site: Site, script: Path, shared: Mapping[str, str]) -> list[float]:
    count, rates = site.plan.messages, []
    for number in range(site.plan.repetitions):
        with _queue(site, script, shared, "ratchet") as queue:
            queue.run(sys.executable, "fill", str(count))
            config = site.folder / f"ingest-{number}.yaml"
            text = _CONFIGURATION.format(
                queue=queue.name, workflow=f"{NAMESPACE}.{NOOP}", prefetch=_PREFETCH
            )
            config.write_text(text, encoding="utf-8")
            before = site.runs(NOOP)
            command = [sys.executable, "-m", "ratchet_core.cli", "ingest"]
            env = {**shared, "RATCHET_CONFIG": str(config)}
            with started(command, log=queue.log, env=env, folder=site.folder):
                rates.append(_rate(lambda: site.runs(NOOP), before, count))
    return rates


def _peer_of(
    name: str, python: str, site: Site, script: Path, shared: Mapping[str, str]
) -> Callable[[], list[float]]:
    """Return what measures one of the others."""

    def sample() -> list[float]:
        count, rates = site.plan.messages, []
        for _ in range(site.plan.repetitions):
            with _queue(site, script, shared, name) as queue:
                queue.run(python, "prepare")
                queue.run(python, "fill-celery" if name == "celery" else "fill", str(count))
                env = {**shared, "BENCH_QUEUE": queue.name, "C_FORCE_ROOT": "1"}
                command = [python, str(script), name]
                with started(command, log=queue.log, env=env, folder=site.folder):
                    rates.append(_rate(lambda: _rows(site), 0, count))
        return rates

    return sample


def _rows(site: Site) -> int:
    with site.runtime.database.read() as tx:
        raw: Any = tx.connection.driver_connection
        row = raw.cursor().execute("SELECT count(*) FROM bench_messages").fetchone()
        return int(row[0])


def _rate(stored: Callable[[], int], before: int, count: int) -> float:
    """Return messages per second from the first look that saw some to the one that saw all.

    Raises:
        TimeoutError: they did not come in time, or all at once.
    """
    wait_until(lambda: stored() > before, "the first message to be stored", _START_TIMEOUT_S)
    first, began = stored(), time.perf_counter()
    if first >= before + count:
        raise TimeoutError("all were stored before the second look: take a larger size")
    wait_until(
        lambda: stored() >= before + count, f"{count} messages to be stored", _TIMEOUT_S, _LOOK_S
    )
    return (before + count - first) / (time.perf_counter() - began)
