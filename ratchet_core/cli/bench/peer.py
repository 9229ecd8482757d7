"""The other systems, measured by the scripts of the project's `bench/peers`.

Each runs in an interpreter of its own environment, with a Redis and a database of its own. A peer
that cannot run is named with the reason. What the scripts do is in `bench/README.md`.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ratchet_core.cli.bench.figure import (
    POSTGRESQL,
    SQLITE,
    Figure,
    Key,
    at_percentile,
    measured,
    unmeasured,
)
from ratchet_core.cli.bench.plan import Plan
from ratchet_core.cli.bench.process import started
from ratchet_core.cli.bench.server import PostgresServer, private_redis
from ratchet_core.errors import RatchetError

#: Names the interpreter of the peers' environment; `make bench` makes one and sets it.
PEERS_VARIABLE: Final = "RATCHET_BENCH_PEERS"

_RUNNER: Final = "run.py"
_PREFIX: Final = "peer_"
#: The line of a traceback that names the error.
_ERROR: Final = re.compile(r"[\w.]*(Error|Exception|Exit|NotOpen|Timeout)\b.*:")
#: Peers that our own environment has.
_OURS: Final = frozenset({"rq"})


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the peers are."""

    scripts: Path  #: `bench/peers` of the project
    python: str | None  #: interpreter of their environment

    def names(self) -> list[str]:
        """Return the names of the scripts, such as `celery`."""
        found = self.scripts.glob(f"{_PREFIX}*.py")
        return sorted(path.stem.removeprefix(_PREFIX) for path in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a script is asked for; it reads this as JSON."""

    redis_url: str
    postgres_url: str | None
    folder: str
    results: str  #: file that it appends one JSON document per system to
    workers: int
    repetitions: int
    runs: int
    slow_runs: int
    latency: int
    gap_s: float
    chain: int
    chain_runs: int


def peers(
    found: Peers,
    plan: Plan,
    postgres: PostgresServer | str,
    folder: Path,
    environ: Mapping[str, str],
) -> Iterator[Figure]:
    """Measure every peer, one after the other."""
    names = found.names()
    if not names:
        reason = f"there are no peers in {found.scripts}; they are part of the source tree"
        yield unmeasured(Figure(name="peers", system="peers"), reason)
    for name in names:
        python = sys.executable if name in _OURS else found.python
        if python is None or not Path(python).exists():
            reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
            yield unmeasured(Figure(name="all rows", system=name), reason)
            continue
        yield from _peer(found.scripts, name, python, plan, postgres, folder / name, environ)


def _peer(
    scripts: Path,
    name: str,
    python: str,
    plan: Plan,
    postgres: PostgresServer | str,
    folder: Path,
    environ: Mapping[str, str],
) -> Iterator[Figure]:
    folder.mkdir(parents=True)
    results = folder / "results.jsonl"
    results.touch()
    reason = ""
    try:
        with contextlib.ExitStack() as stack:
            redis_url = stack.enter_context(private_redis(folder / "redis", environ))
            url = None
            if isinstance(postgres, PostgresServer):
                url = stack.enter_context(postgres.fresh_database())
            order = _order(plan, redis_url, url, folder, results)
            reason = _run([python, str(scripts / _RUNNER), name], order, plan, folder, environ)
    except (RatchetError, TimeoutError, OSError) as error:
        reason = str(error)
    documents = [orjson.loads(line) for line in results.read_bytes().splitlines()]
    for document in documents:
        yield from _figures(document, plan)
    if reason:
        yield unmeasured(
            Figure(name="all rows" if not documents else "the rest", system=name), reason
        )


def _order(plan: Plan, redis_url: str, url: str | None, folder: Path, results: Path) -> _Order:
    return _Order(
        redis_url=redis_url,
        postgres_url=None if url is None else url.replace("postgresql+psycopg:", "postgresql:", 1),
        folder=str(folder),
        results=str(results),
        workers=plan.workers,
        repetitions=plan.repetitions,
        runs=plan.peer_runs,
        slow_runs=plan.slow_peer_runs,
        latency=plan.peer_latency,
        gap_s=plan.gap_s,
        chain=plan.chain,
        chain_runs=min(plan.chain_runs, 5),
    )


def _run(
    command: list[str], order: _Order, plan: Plan, folder: Path, environ: Mapping[str, str]
) -> str:
    """Run a peer's script to its end; return why it failed, or nothing."""
    log = folder / "peer.log"
    kept = {key: value for key, value in environ.items() if not key.startswith("RATCHET_")}
    env = {**kept, "BENCH_ORDER": orjson.dumps(asdict(order)).decode(), "C_FORCE_ROOT": "1"}
    with started(command, log=log, env=env, folder=folder) as process:
        try:
            code = process.wait(plan.peer_timeout_s)
        except subprocess.TimeoutExpired:
            return f"given up after {plan.peer_timeout_s:g} s; see its log"
    if code == 0:
        return ""
    return f"it ended with {code}: {_last_word(log.read_text(encoding='utf-8', errors='replace'))}"


def _last_word(text: str) -> str:
    """Return the line that says why a script ended: the error, else whatever stands last."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["without a word"])[-1][:300]


def _figures(document: Mapping[str, Any], plan: Plan) -> Iterator[Figure]:
    database = {"sqlite": SQLITE, "postgresql": POSTGRESQL}.get(document["store"], "Redis")
    plain = {"system": document["system"], "database": database, "note": document["guarantee"]}
    for key, name in ((Key.ONE_BY_ONE, "one by one"), (Key.BATCHES, "in batches")):
        figure = Figure(
            name=f"no-op jobs, enqueued {name}",
            key=key,
            unit="jobs/s",
            size=document["runs"],
            **plain,
        )
        yield _filled(document, key, figure)
    yield from _latency(document, plain, plan)
    chain = Figure(
        name=f"chain of {plan.chain} no-op jobs", key=Key.CHAIN, unit="ms", size=plan.chain, **plain
    )
    yield _filled(document, Key.CHAIN, chain)


def _latency(document: Mapping[str, Any], plain: Mapping[str, Any], plan: Plan) -> Iterator[Figure]:
    samples = document["samples"].get("latency")
    for percent, key in ((50, Key.LATENCY_P50), (99, Key.LATENCY_P99)):
        name = f"enqueue to done while idle, after gaps of {plan.gap_s:g} s, p{percent}"
        figure = Figure(name=name, key=key, unit="ms", size=1, **plain)
        if samples:
            yield at_percentile(samples, percent, figure)
        else:
            yield unmeasured(figure, document["reasons"].get("latency", "not reported"))


def _filled(document: Mapping[str, Any], key: Key, figure: Figure) -> Figure:
    samples = document["samples"].get(key.value)
    if samples:
        return measured(samples, figure)
    return unmeasured(figure, document["reasons"].get(key.value, "not reported"))
