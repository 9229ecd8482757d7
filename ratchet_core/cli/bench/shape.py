"""Rows of workflows with many steps: chains, computing chains, scripts, a fan-out and its join."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from ratchet_core.cli.bench.figure import SQLITE, Aim, Figure, Key, measured, unmeasured
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import Site
from ratchet_core.cli.bench.workload import (
    CHAIN,
    CHAIN_IMMEDIATE,
    CHAIN_JAVASCRIPT,
    FAN_OUT,
    FIBO,
    FIBO_STEPS,
    fibo,
)


def chains(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure the chain of no-op steps, with group commit and with `commit: immediate`."""
    length = site.plan.chain
    durable = f"{length + 1} durable commits: {bounds.commits(length + 1):.1f} ms"
    if site.database == SQLITE:
        commits = f"2 FULL and {length - 1} NORMAL commits: {bounds.commits(2, length - 1):.1f} ms"
        durable = f"{commits}; all FULL: {bounds.commits(length + 1):.1f} ms"
    plain = Figure(
        name=f"chain of {length} no-op steps",
        database=site.database,
        key=Key.CHAIN,
        unit="ms",
        size=length,
        aim=Aim(60.0, at_most=True),
        bound=durable,
    )
    yield measured(_runs(site, CHAIN, site.plan.chain_runs), plain)
    immediate = Figure(
        name=f"chain of {length} no-op steps with `commit: immediate`",
        database=site.database,
        unit="ms",
        size=length,
        bound=f"{2 * length + 1} durable commits: {bounds.commits(2 * length + 1):.1f} ms",
    )
    yield measured(_runs(site, CHAIN_IMMEDIATE, site.plan.chain_runs), immediate)


def computing(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure the chain of `fibo` beside the computation alone."""
    plan = site.plan
    bare = [_bare_fibo(plan.fibo) for _ in range(plan.fibo_runs)]
    bare_ms = FIBO_STEPS * statistics.median(bare)
    name = f"chain of {FIBO_STEPS} steps of fibo({plan.fibo}) in Python"
    plain = Figure(
        name=name,
        database=site.database,
        unit="ms",
        size=FIBO_STEPS,
        bound=f"the computation in the process of the bench: {bare_ms:,.0f} ms",
    )
    yield measured([_run(site, FIBO) for _ in range(plan.fibo_runs)], plain)


def _bare_fibo(argument: int) -> float:
    began = time.perf_counter()
    fibo(argument)
    return (time.perf_counter() - began) * 1e3


def fan_out(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure a step, many children of it side by side, and the step that needs them all."""
    width = site.plan.fan_out
    plain = Figure(
        name=f"fan-out of {width:,} steps and its join",
        database=site.database,
        unit="ms",
        size=width + 2,
        bound=f"3 durable commits: {bounds.commits(3):.1f} ms",
    )
    samples = _runs(site, FAN_OUT, site.plan.fan_out_runs)
    figure = measured(samples, plain)
    yield figure
    rates = [(width + 2) / sample * 1e3 for sample in samples]
    yield measured(
        rates,
        Figure(
            name="the same, steps per second",
            database=site.database,
            unit="steps/s",
            size=width + 2,
        ),
    )


def javascript(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure what a no-op script takes longer than a no-op in Python, per step."""
    length = site.plan.chain
    plain = Figure(
        name="JavaScript no-op, over a Python no-op, per step",
        database=site.database,
        unit="ms",
        size=length,
        aim=Aim(1.0, at_most=True),
        bound="one message each way between worker and sandbox process",
        note=f"difference of two chains of {length} steps, one right after the other",
    )
    if not site.has_javascript:
        yield unmeasured(plain, "the plugin ratchet-javascript is not installed")
        return
    _run(site, CHAIN)
    _run(site, CHAIN_JAVASCRIPT)
    pairs = [(_run(site, CHAIN), _run(site, CHAIN_JAVASCRIPT)) for _ in range(site.plan.chain_runs)]
    yield measured([(scripts - python) / length for python, scripts in pairs], plain)


def _runs(site: Site, workflow: str, count: int) -> list[float]:
    """Return the milliseconds of some runs, one after the other; one more warms up."""
    _run(site, workflow)
    return [_run(site, workflow) for _ in range(count)]


def _run(site: Site, workflow: str) -> float:
    """Return the milliseconds of one run, from the call of submit to the result seen."""
    began = time.perf_counter()
    site.await_run(site.submit(workflow))
    return (time.perf_counter() - began) * 1e3
