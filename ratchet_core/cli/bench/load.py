"""The row of submits while drains run flat out: whoever submits must not wait behind them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
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
#: A backlog that was gone too soon is stored again so many times, each so much larger.
_MORE_ROUNDS: Final = 2
_GROWTH: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What was timed while one backlog lasted."""

    samples: list[float]  #: milliseconds of each submit that counts
    drained_per_s: float  #: by all drains meanwhile
    caught_up: str  #: how the drains had no backlog left before all was timed; empty: they had


def load(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Store a backlog, start the workers, and time submits for as long as it lasts.

    The workers are stopped before, and work on afterwards. A backlog that is gone before anything
    was timed, as on a machine that lets us run later than the drains, is stored again and larger.
    """
    backlog = site.plan.backlog
    found = _round(site, backlog)
    for _ in range(_MORE_ROUNDS):
        if found.samples:
            break
        backlog *= _GROWTH
        found = _round(site, backlog)
    yield from _figures(site, bounds, found)


def _round(site: Site, backlog: int) -> _Round:
    site.stop_workers()
    last = ""
    for start in range(0, backlog, _BATCH):
        last = site.submit_batch(NOOP, min(_BATCH, backlog - start))
    before = site.open_runs()
    site.start_workers(wait=False)
    wait_until(lambda: site.open_runs() < before, "the drains to begin", _START_TIMEOUT_S)
    found = _submits(site, backlog)
    site.await_all(last)
    return found


def _submits(site: Site, backlog: int) -> _Round:
    """Time submits while a backlog is there."""
    enough = site.plan.workers * site.runtime.settings.worker.max_claim_batch
    enough = min(enough, backlog // 4)
    samples: list[float] = []
    caught_up = ""
    began, open_then = time.perf_counter(), site.open_runs()
    ended, open_now = began, open_then
    while len(samples) < site.plan.submits:
        batch = _timed(site, min(20, site.plan.submits - len(samples)))
        open_at = site.open_runs()
        if open_at < enough:  # the drains may have idled during this batch: it does not count
            took_s = time.perf_counter() - began
            caught_up = (
                f"the drains had {open_at:,} of {backlog:,} runs left after"
                f" {len(samples) + len(batch)} of {site.plan.submits} submits in {took_s:.2f} s"
            )
            break
        samples += batch
        ended, open_now = time.perf_counter(), open_at
    seconds, drained = ended - began, open_then - open_now + len(samples)
    rate = drained / seconds if samples else 0.0
    return _Round(samples=samples, drained_per_s=rate, caught_up=caught_up)


def _timed(site: Site, count: int) -> list[float]:
    """Submit runs one by one; return the milliseconds that each took."""
    samples = []
    for _ in range(count):
        start = time.perf_counter()
        site.submit(NOOP)
        samples.append((time.perf_counter() - start) * 1e3)
        time.sleep(_PAUSE_S)
    return samples


def _figures(site: Site, bounds: Bounds, found: _Round) -> Iterator[Figure]:
    workers, samples = site.plan.workers, found.samples
    notes = [f"one submit every {_PAUSE_S * 1e3:g} ms", found.caught_up]
    for percent, aim in ((50, None), (99, _P99)):
        plain = Figure(
            name=f"submit while {workers} drains run flat out, p{percent}",
            database=site.database,
            unit="ms",
            size=1,
            aim=aim,
            bound=f"1 durable commit: {bounds.commits(1):.2f} ms",
            note="; ".join(note for note in notes if note),
        )
        if samples:
            yield at_percentile(samples, percent, plain)
        else:
            yield unmeasured(plain, f"{found.caught_up}: they idled meanwhile")
    rate = Figure(
        name="steps drained meanwhile", database=site.database, unit="steps/s", size=len(samples)
    )
    if samples:
        yield measured([found.drained_per_s], rate)
