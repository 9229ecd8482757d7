"""The rows of what is stored besides results: lines of logs, and old runs on their way out."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from ratchet_core.cli.bench.figure import (
    POSTGRESQL,
    SQLITE,
    Aim,
    Figure,
    at_percentile,
    measured,
    percentile,
    unmeasured,
)
from ratchet_core.cli.bench.filling import fill
from ratchet_core.cli.bench.process import started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.submitting import RATE, Submitted, submitters
from ratchet_core.cli.bench.workload import LINES, NOOP, TALK

_LINES_AIM: Final = Aim(10_000.0, at_most=False)
_PRUNED_AIM: Final = Aim(2_000.0, at_most=False)
_P99_AIM: Final = Aim(20.0, at_most=True)
_COST_AIM: Final = Aim(20.0, at_most=True)
#: Submits alone are timed for so long at least.
_SHORTEST_S: Final = 1.0
#: Between two words on how far pruning has come.
_PROGRESS_S: Final = 10.0
_AGE: Final = (
    "UPDATE runs SET completed_at = completed_at - 3456000000000 WHERE completed_at IS NOT NULL"
)


def log_lines(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure lines stored per second and worker, from the first submit to the last end."""
    plan = site.plan
    site.await_all(site.submit_batch(TALK, max(1, plan.talking // 10)))
    rates = []
    for _ in range(plan.repetitions):
        before = site.lines()
        began = time.perf_counter()
        took_s = site.await_all(site.submit_batch(TALK, plan.talking)) - began
        stored = site.lines() - before
        if stored != plan.talking * LINES:
            raise RunsFailed(f"{stored} of {plan.talking * LINES} lines were stored")
        rates.append(stored / took_s / plan.workers)
    figure = Figure(
        name=f"log lines stored per worker, {LINES} a step",
        database=site.database,
        unit="lines/s",
        size=plan.talking * LINES,
        aim=_LINES_AIM,
        note=f"{plan.workers} workers at a time",
    )
    yield measured(rates, figure)


@dataclass(frozen=True, slots=True)
class _Pruned:
    """What became of the old runs."""

    runs: int  #: that are gone
    seconds: float  #: that it took
    unfinished: str = ""  #: what was left when it was given up


def pruning(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Time submits without pruning and beside it, and count what is pruned meanwhile.

    Nobody works meanwhile; the workers go on afterwards.
    """
    plan = site.plan
    template = site.submit(NOOP)
    site.await_all(template)
    site.stop_workers()
    with site.runtime.database.write() as tx:
        tx.exec_driver_sql(_AGE)
    fill(site, template, plan.pruned, plan.prune_timeout_s)
    with submitters(site) as alone:
        time.sleep(max(_SHORTEST_S, plan.submits / RATE))
    with submitters(site) as beside:
        pruned = _prune(site)
    site.start_workers()
    yield from _figures(site, bounds, alone, beside, pruned)


def _prune(site: Site) -> _Pruned:
    """Prune in another process until it ends or is given up."""
    command = [sys.executable, "-m", "ratchet_core.cli", "db", "prune", "--older-than", "1d"]
    log = site.folder / "prune.log"
    before, began = site.ended_runs(), time.monotonic()
    with started([*command, "--json"], log=log, env=site.environ, folder=site.folder) as process:
        while process.poll() is None:
            took_s = time.monotonic() - began
            left_s = site.plan.prune_timeout_s - took_s
            if left_s <= 0:
                gone = before - site.ended_runs()
                far = f"{gone:,} of {before:,} runs were gone"
                reason = f"given up after {site.plan.prune_timeout_s:g} s: {far}"
                return _Pruned(gone, took_s, reason)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(_PROGRESS_S, left_s))
                continue
            gone = before - site.ended_runs()
            site.tell(f"prune on {site.database}: {gone:,} of {before:,} runs are gone")
    return _pruned(log.read_text(encoding="utf-8", errors="replace"), process.returncode)


def _pruned(log: str, returncode: int | None) -> _Pruned:
    """Return what `ratchet db prune` says of itself."""
    if returncode != 0:
        raise RunsFailed(f"`ratchet db prune` ended with {returncode}: {log[-800:]}")
    done = orjson.loads(log.splitlines()[-1])
    if not done["runs"]:
        raise RunsFailed("nothing was pruned")
    return _Pruned(done["runs"], done["seconds"])


def _figures(
    site: Site, bounds: Bounds, alone: Submitted, beside: Submitted, pruned: _Pruned
) -> Iterator[Figure]:
    is_sqlite = site.database == SQLITE
    plain = Figure(
        name=f"submit at {RATE} a second, p99",
        database=site.database,
        unit="ms",
        size=1,
        bound=f"1 durable commit: {bounds.commits(1):.2f} ms",
    )
    yield at_percentile(alone.took_ms, 99, plain)
    pruning_name = f"submit at {RATE} a second while old runs are pruned, p99"
    aim = _P99_AIM if is_sqlite else None
    yield at_percentile(
        beside.took_ms,
        99,
        Figure(
            name=pruning_name,
            database=site.database,
            unit="ms",
            size=1,
            aim=aim,
            note=pruned.unfinished,
        ),
    )
    if site.database == POSTGRESQL:
        cost = (percentile(beside.took_ms, 99) / percentile(alone.took_ms, 99) - 1) * 100
        name = "what pruning costs submitters of their p99"
        costing = Figure(
            name=name,
            database=site.database,
            unit="%",
            aim=_COST_AIM,
            note=pruned.unfinished,
        )
        yield measured([cost], costing)
    going = Figure(
        name="runs pruned meanwhile",
        database=site.database,
        unit="runs/s",
        size=site.plan.pruned,
        aim=_PRUNED_AIM if is_sqlite else None,
    )
    if pruned.unfinished:
        yield unmeasured(going, pruned.unfinished)
    else:
        yield measured([pruned.runs / pruned.seconds], going)
    name = "submits meanwhile"
    yield measured([beside.rate], Figure(name=name, database=site.database, unit="runs/s"))
