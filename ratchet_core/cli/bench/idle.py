"""The row of idleness: what a whole Ratchet takes of the processor while nobody wants anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Final

from ratchet_core.cli.bench.figure import Aim, Figure, measured, unmeasured
from ratchet_core.cli.bench.process import (
    cpu_s,
    descendants,
    free_port,
    started,
    wait_until,
)
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import Site

_AIM: Final = Aim(2.0, at_most=True)
#: Starting costs, and caches fill, for so long.
_SETTLE_S: Final = 5.0
_UP: Final = b" is up: "
_START_TIMEOUT_S: Final = 60.0


def idle(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure everything that `ratchet up` has started, its own Redis server too.

    The workers of the site are stopped before, and start anew afterwards.
    """
    site.stop_workers()
    environ = {key: value for key, value in site.environ.items() if key != "RATCHET_REDIS_URL"}
    environ["RATCHET_WORKER_COUNT"] = str(site.plan.workers)
    command = [sys.executable, "-m", "ratchet_core.cli", "up", "--port", str(free_port())]
    log = site.folder / "idle.log"
    with started(command, log=log, env=environ, folder=site.folder) as process:
        wait_until(lambda: _UP in log.read_bytes(), "`ratchet up` to be up", _START_TIMEOUT_S)
        time.sleep(min(_SETTLE_S, site.plan.idle_s))
        family = (process.pid, *descendants(process.pid))
        before = {pid: cpu_s(pid) for pid in family}
        began = time.perf_counter()
        time.sleep(site.plan.idle_s)
        took_s = time.perf_counter() - began
        used = [(cpu_s(pid) or 0.0) - (known or 0.0) for pid, known in before.items()]
    figure = Figure(
        name="processor time of an idle `ratchet up`, of one core",
        database=site.database,
        unit="%",
        aim=_AIM,
        note=f"{len(family)} processes over {took_s:.0f} s; a PostgreSQL server is not counted",
    )
    site.start_workers()
    if None in before.values():
        yield unmeasured(figure, "this system has no /proc/PID/stat")
        return
    yield measured([sum(used) / took_s * 100], figure)
