"""The rows of what is stored besides results: lines of logs, and old runs on their way out."""

from __future__ import annotations

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
from ratchet_core.cli.bench.process import started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import LINES, NOOP, TALK

_LINES_AIM: Final = Aim(10_000.0, at_most=False)
_PRUNED_AIM: Final = Aim(2_000.0, at_most=False)
_P99_AIM: Final = Aim(20.0, at_most=True)
_COST_AIM: Final = Aim(20.0, at_most=True)
#: 500 submits a second.
_SPACING_S: Final = 0.002
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

    The workers fill the database before and are stopped then; they go on afterwards.
    """
    plan = site.plan
    last = ""
    for start in range(0, plan.pruned, plan.batch):
        last = site.submit_batch(NOOP, min(plan.batch, plan.pruned - start))
    site.await_all(last, timeout_s=_PRUNE_TIMEOUT_S)
    site.stop_workers()
    with site.runtime.database.write() as tx:
        tx.exec_driver_sql(_AGE)
    alone = _submits(site, plan.submits)
    beside, pruned, seconds = _beside_pruning(site)
    site.start_workers()
    yield from _figures(site, bounds, alone, beside, pruned / seconds)


def _submits(site: Site, count: int) -> list[float]:
    """Submit so many runs, evenly spaced; return how long each took, in milliseconds."""
    return [_submit(site) for _ in range(count)]


def _submit(site: Site) -> float:
    began = time.perf_counter()
    site.submit(NOOP)
    took_s = time.perf_counter() - began
    time.sleep(max(0.0, _SPACING_S - took_s))
    return took_s * 1e3


def _beside_pruning(site: Site) -> tuple[list[float], int, float]:
    """Submit until another process has pruned all; return times, and what it says of itself."""
    command = [sys.executable, "-m", "ratchet_core.cli", "db", "prune", "--older-than", "1d"]
    log = site.folder / "prune.log"
    samples = []
    with started([*command, "--json"], log=log, env=site.environ, folder=site.folder) as process:
        until = time.monotonic() + _PRUNE_TIMEOUT_S
        while process.poll() is None:
            samples.append(_submit(site))
            if time.monotonic() > until:
                raise RunsFailed(f"pruning took longer than {_PRUNE_TIMEOUT_S:g} s")
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        raise RunsFailed(f"`ratchet db prune` ended with {process.returncode}: {text[-800:]}")
    done = orjson.loads(text.splitlines()[-1])
    if not done["runs"]:
        raise RunsFailed("nothing was pruned")
    return samples, done["runs"], done["seconds"]


def _figures(
    site: Site, bounds: Bounds, alone: list[float], beside: list[float], rate: float
) -> Iterator[Figure]:
    is_sqlite = site.database == SQLITE
    plain = Figure(
        name="submit at 500 a second, p99",
        database=site.database,
        unit="ms",
        size=1,
        bound=f"1 durable commit: {bounds.commits(1):.2f} ms",
    )
    yield at_percentile(alone, 99, plain)
    pruning_name = "submit at 500 a second while old runs are pruned, p99"
    aim = _P99_AIM if is_sqlite else None
    yield at_percentile(
        beside, 99, Figure(name=pruning_name, database=site.database, unit="ms", size=1, aim=aim)
    )
    if site.database == POSTGRESQL:
        cost = (percentile(beside, 99) / percentile(alone, 99) - 1) * 100
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
