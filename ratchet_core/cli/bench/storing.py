"""The rows of what is stored besides results: lines of logs, and old runs on their way out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
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
_PRUNE_TIMEOUT_S: Final = 1800.0
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
    fill(site, template, plan.pruned)
    with submitters(site) as alone:
        time.sleep(max(_SHORTEST_S, plan.submits / RATE))
    with submitters(site) as beside:
        pruned, seconds = _prune(site)
    site.start_workers()
    yield from _figures(site, bounds, alone, beside, pruned / seconds)


def _prune(site: Site) -> tuple[int, float]:
    """Prune in another process; return what it says of itself: runs, and seconds."""
    command = [sys.executable, "-m", "ratchet_core.cli", "db", "prune", "--older-than", "1d"]
    log = site.folder / "prune.log"
    with started([*command, "--json"], log=log, env=site.environ, folder=site.folder) as process:
        try:
            process.wait(_PRUNE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RunsFailed(f"pruning took longer than {_PRUNE_TIMEOUT_S:g} s") from None
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        raise RunsFailed(f"`ratchet db prune` ended with {process.returncode}: {text[-800:]}")
    done = orjson.loads(text.splitlines()[-1])
    if not done["runs"]:
        raise RunsFailed("nothing was pruned")
    return done["runs"], done["seconds"]


def _figures(
    site: Site, bounds: Bounds, alone: Submitted, beside: Submitted, rate: float
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
        Figure(name=pruning_name, database=site.database, unit="ms", size=1, aim=aim),
    )
    if site.database == POSTGRESQL:
        cost = (percentile(beside.took_ms, 99) / percentile(alone.took_ms, 99) - 1) * 100
        name = "what pruning costs submitters of their p99"
        yield measured([cost], Figure(name=name, database=site.database, unit="%", aim=_COST_AIM))
    pruned = Figure(
        name="runs pruned meanwhile",
        database=site.database,
        unit="runs/s",
        size=site.plan.pruned,
        aim=_PRUNED_AIM if is_sqlite else None,
    )
    yield measured([rate], pruned)
    name = "submits meanwhile"
    yield measured([beside.rate], Figure(name=name, database=site.database, unit="runs/s"))
