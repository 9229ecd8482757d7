"""The row of submits while drains run flat out: whoever submits must not wait behind them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from ratchet_core.cli.bench.figure import Aim, Figure, at_percentile, measured, unmeasured
from ratchet_core.cli.bench.process import wait_until
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import Site
from ratchet_core.cli.bench.workload import NOOP

_P99: Final = Aim(25.0, at_most=True)
_PAUSE_S: Final = 0.005
_BATCH: Final = 1_000
_START_TIMEOUT_S: Final = 40.0


def load(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Store a backlog, start the workers, and time submits for as long as it lasts.

    The workers are stopped before, and work on afterwards.
    """
    plan = site.plan
    site.stop_workers()
    last = ""
    for start in range(0, plan.backlog, _BATCH):
        last = site.submit_batch(NOOP, min(_BATCH, plan.backlog - start))
    before = site.open_runs()
    site.start_workers(wait=False)
    wait_until(lambda: site.open_runs() < before, "the drains to begin", _START_TIMEOUT_S)
    samples, seconds, drained = _submits(site)
    site.await_all(last)
    yield from _figures(site, bounds, samples, drained / seconds if seconds else 0.0)


def _submits(site: Site) -> tuple[list[float], float, int]:
    """Time submits while a backlog is there; return them, how long it was, what was drained."""
    enough = site.plan.workers * site.runtime.settings.worker.max_claim_batch
    enough = min(enough, site.plan.backlog // 4)
    samples: list[float] = []
    began, open_then = time.perf_counter(), site.open_runs()
    ended, open_now = began, open_then
    while len(samples) < site.plan.submits:
        batch = []
        for _ in range(min(20, site.plan.submits - len(samples))):
            start = time.perf_counter()
            site.submit(NOOP)
            batch.append((time.perf_counter() - start) * 1e3)
            time.sleep(_PAUSE_S)
        open_at = site.open_runs()
        if open_at < enough:  # the drains may have idled during this batch: it does not count
            break
        samples += batch
        ended, open_now = time.perf_counter(), open_at
    return samples, ended - began, open_then - open_now + len(samples)


def _figures(site: Site, bounds: Bounds, samples: list[float], drained: float) -> Iterator[Figure]:
    workers = site.plan.workers
    for percent, aim in ((50, None), (99, _P99)):
        plain = Figure(
            name=f"submit while {workers} drains run flat out, p{percent}",
            database=site.database,
            unit="ms",
            size=1,
            aim=aim,
            bound=f"1 durable commit: {bounds.commits(1):.2f} ms",
            note=f"one submit every {_PAUSE_S * 1e3:g} ms",
        )
        if samples:
            yield at_percentile(samples, percent, plain)
        else:
            reason = "the backlog was drained before enough submits were timed; use --full"
            yield unmeasured(plain, reason)
    rate = Figure(
        name="steps drained meanwhile", database=site.database, unit="steps/s", size=len(samples)
    )
    if samples:
        yield measured([drained], rate)
