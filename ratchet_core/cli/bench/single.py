"""Rows of single no-op runs: how many a second, from the first submit to the last result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from ratchet_core.cli.bench.figure import SQLITE, Aim, Figure, Key, measured
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import IMMEDIATE, NOOP

#: Submits so many runs of a workflow; returns the id of the last.
Submit = Callable[[Site, str, int], str]

_AIM_SQLITE: Final = Aim(8_000.0, at_most=False)
_AIM_POSTGRESQL: Final = Aim(5_000.0, at_most=False)


def aim_of(site: Site) -> Aim:
    """Return the runs per second that are aimed at."""
    return _AIM_SQLITE if site.database == SQLITE else _AIM_POSTGRESQL


def single(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure no-op runs: one by one, in batches, and with `commit: immediate`."""
    plan = site.plan
    aim = aim_of(site)
    full = f"{1 / bounds.full_s:,.0f} durable commits/s"
    one = Figure(
        name="no-op runs, submitted one by one",
        database=site.database,
        key=Key.ONE_BY_ONE,
        unit="runs/s",
        size=plan.one_by_one,
        aim=aim,
        bound=f"{full}, one per submit",
    )
    yield measure_rate(site, one, NOOP, _one_by_one)
    batches = Figure(
        name=f"no-op runs, submitted in batches of {plan.batch:,}",
        database=site.database,
        key=Key.BATCHES,
        unit="runs/s",
        size=plan.batched,
        aim=aim,
        bound=f"{full}, shared by a batch",
    )
    yield measure_rate(site, batches, NOOP, _batched)
    immediate = Figure(
        name="no-op runs with `commit: immediate`, in batches",
        database=site.database,
        unit="runs/s",
        size=plan.immediate,
        bound=f"{full}, two per run",
    )
    yield measure_rate(site, immediate, IMMEDIATE, _batched)


def measure_rate(site: Site, figure: Figure, workflow: str, submit: Submit) -> Figure:
    """Measure runs per second, from the first call of submit to the last result.

    Raises:
        RunsFailed: not all runs completed.
    """
    site.await_all(submit(site, workflow, max(1, figure.size // 10)))
    rates = []
    for _ in range(site.plan.repetitions):
        before = site.completed(workflow)
        began = time.perf_counter()
        last = submit(site, workflow, figure.size)
        took_s = site.await_all(last) - began
        done = site.completed(workflow) - before
        if done != figure.size:
            raise RunsFailed(f"{done} of {figure.size} runs completed")
        rates.append(figure.size / took_s)
    return measured(rates, figure)


def _one_by_one(site: Site, workflow: str, count: int) -> str:
    last = ""
    for _ in range(count):
        last = site.submit(workflow)
    return last


def _batched(site: Site, workflow: str, count: int) -> str:
    last = ""
    for start in range(0, count, site.plan.batch):
        last = site.submit_batch(workflow, min(site.plan.batch, count - start))
    return last
