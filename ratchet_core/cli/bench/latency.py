"""Rows of latency: from the call of submit to the moment a client sees the result, while idle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from ratchet_core.cli.bench.figure import Aim, Figure, Key, at_percentile
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import LOOK_S, Site
from ratchet_core.cli.bench.workload import NOOP

#: Aims of latency while idle.
P50: Final = Aim(5.0, at_most=True)
P99: Final = Aim(20.0, at_most=True)
_WARM_UP: Final = 5


def latency(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure single runs: at once after each other, after the short gap, after the long one."""
    plan = site.plan
    _runs(site, _WARM_UP, 0.0)
    rows = [("one after the other", plan.latency, 0.0, False)]
    rows.append((f"after gaps of {plan.gap_s:g} s", plan.spaced, plan.gap_s, True))
    if plan.long_spaced:
        name = f"after gaps of {plan.long_gap_s:g} s"
        rows.append((name, plan.long_spaced, plan.long_gap_s, False))
    for name, count, gap_s, is_compared in rows:
        yield from _figures(site, bounds, name, _runs(site, count, gap_s), is_compared=is_compared)


def _figures(
    site: Site, bounds: Bounds, name: str, samples: list[float], *, is_compared: bool
) -> Iterator[Figure]:
    keys = (Key.LATENCY_P50, Key.LATENCY_P99) if is_compared else (Key.OTHER, Key.OTHER)
    for percent, aim, key in ((50, P50, keys[0]), (99, P99, keys[1])):
        plain = Figure(
            name=f"submit to done while idle, {name}, p{percent}",
            database=site.database,
            key=key,
            unit="ms",
            size=1,
            aim=aim,
            bound=f"2 durable commits: {bounds.commits(2):.2f} ms",
            note=f"a client looks every {LOOK_S * 1e3:g} ms",
        )
        yield at_percentile(samples, percent, plain)


def _runs(site: Site, count: int, gap_s: float) -> list[float]:
    """Return the milliseconds that each of some runs took."""
    samples = []
    for _ in range(count):
        time.sleep(gap_s)
        began = time.perf_counter()
        site.await_run(site.submit(NOOP))
        samples.append((time.perf_counter() - began) * 1e3)
    return samples
