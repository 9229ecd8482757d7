"""Rows of memory: what a worker holds after it has done all that the other rows ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ratchet_core.cli.bench.figure import Figure, measured, unmeasured
from ratchet_core.cli.bench.process import descendants, memory
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import Site

_MB: Final = 1e6


def worker_memory(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure the processes that drain, and everything of `ratchet worker` per worker."""
    workers = site.plan.workers
    drains = [found for pid in site.drains() if (found := memory(pid)) is not None]
    family = (site.supervisor, *descendants(site.supervisor))
    everything = [found for pid in family if (found := memory(pid)) is not None]
    rows = (
        ("memory of a process that drains, resident (RSS)", [rss for rss, _ in drains], ""),
        ("memory of a process that drains, its share (PSS)", [pss for _, pss in drains], ""),
        (
            "memory of all of `ratchet worker`, its share (PSS), per worker",
            [sum(pss for _, pss in everything) / workers] if everything else [],
            f"{len(everything)} processes for {workers} workers, sandboxes included",
        ),
    )
    for name, sizes, note in rows:
        plain = Figure(name=name, database=site.database, unit="MB", note=note)
        if sizes:
            yield measured([size / _MB for size in sizes], plain)
        else:
            yield unmeasured(plain, "this system has no /proc/PID/smaps_rollup")
