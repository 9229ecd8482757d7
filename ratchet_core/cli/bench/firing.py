"""Rows of schedules: how late one scheduler fires many, spread over a minute and all at once."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from ratchet_core.cli.bench.figure import Aim, Figure, at_percentile, measured
from ratchet_core.cli.bench.process import started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP
from ratchet_core.domain.schedule import DeclaredSchedule, ScheduleSpec
from ratchet_core.store.clock import to_us

_SPREAD_AIM: Final = Aim(1_000.0, at_most=True)
_AT_ONCE_AIM: Final = Aim(5_000.0, at_most=True)
_MINUTE_S: Final = 60
#: From storing the schedules that fire at once to their second.
_AHEAD: Final = timedelta(seconds=3)
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.02
_NOTE: Final = "to the time at which the run is planned; up to 250 are committed together"
#: Of a span of fire times: each with its runs, so that missed and doubled ones show.
_FIRED: Final = (
    "SELECT schedule_id, scheduled_for, created_at FROM runs "
    "WHERE schedule_id IS NOT NULL AND scheduled_for >= {} AND scheduled_for < {}"
)


def firing(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure how long after their fire times runs are made; none may be missing or double.

    The workers go on, and complete the runs meanwhile.
    """
    count = site.plan.schedules
    with _scheduler(site):
        yield from _spread(site, count)
        yield from _at_once(site, count)
        _store(site, [])
    _wait(lambda: not site.open_runs(), _PATIENCE_S)


def _spread(site: Site, count: int) -> Iterator[Figure]:
    """Fire each schedule once a minute, the same number every second."""
    _store(site, [f"{number % _MINUTE_S} * * * * *" for number in range(count)])
    begin = _second_of(_now(site)) + timedelta(seconds=2)
    end = begin + timedelta(seconds=site.plan.firing_s)
    seconds = [begin + timedelta(seconds=number) for number in range(site.plan.firing_s)]
    expected = Counter({at: len(range(at.second, count, _MINUTE_S)) for at in seconds})
    _wait(lambda: _now(site) >= end, site.plan.firing_s + _PATIENCE_S)
    delays = _delays(site, begin, end, +expected)
    name = f"firing {count:,} schedules, spread over a minute, delay"
    yield from _figures(site, name, delays, _SPREAD_AIM)


def _at_once(site: Site, count: int) -> Iterator[Figure]:
    """Fire all schedules in one second."""
    began = time.perf_counter()
    _store(site, ["0 0 1 1 *"] * count)  # as long as storing them takes, nothing is due
    took = timedelta(seconds=time.perf_counter() - began)
    at = _second_of(_now(site) + took) + _AHEAD
    _store(site, [f"{at.second} {at.minute} {at.hour} * * *"] * count)
    if _now(site) >= at:
        raise RunsFailed("storing the schedules took longer than their second was away")
    _wait(lambda: _now(site) >= at, _PATIENCE_S)
    due = time.perf_counter()
    delays = _delays(site, at, at + timedelta(seconds=1), Counter({at: count}))
    took_ms = (time.perf_counter() - due) * 1e3
    name = f"firing {count:,} schedules in one second"
    yield from _figures(site, f"{name}, delay", delays, _AT_ONCE_AIM)
    last = Figure(name=f"{name}, until a client sees all", database=site.database, unit="ms")
    yield measured([took_ms], last)


@contextlib.contextmanager
def _scheduler(site: Site) -> Iterator[None]:
    command = [sys.executable, "-m", "ratchet_core.cli", "scheduler"]
    log = site.folder / "scheduler.log"
    _store(site, ["* * * * * *"])
    with started(command, log=log, env=site.environ, folder=site.folder):
        _wait(lambda: _fired(site, _now(site) - timedelta(minutes=1), _now(site)), _PATIENCE_S)
        yield


def _store(site: Site, crons: list[str]) -> None:
    """Let there be these schedules and no others."""
    declared = [
        DeclaredSchedule(
            ScheduleSpec(
                namespace=NAMESPACE, workflow=NOOP, cron_expression=cron, name=f"bench {number}"
            ),
            "bench",
        )
        for number, cron in enumerate(crons)
    ]
    engine = site.runtime.engine
    engine.sync_schedules(declared, {(NAMESPACE, NOOP)}, replace_changed=True)


def _delays(site: Site, begin: datetime, end: datetime, expected: Counter[datetime]) -> list[float]:
    """Wait for the runs of a span of fire times; return how late each was, in milliseconds.

    Raises:
        RunsFailed: a fire time made no run, or more than one.
    """
    wanted = Counter({to_us(at): number for at, number in expected.items()})
    _wait(lambda: len(_fired(site, begin, end)) >= wanted.total(), _PATIENCE_S)
    rows = _fired(site, begin, end)
    found = Counter(at_us for _, at_us, _ in rows)
    doubled = len(rows) - len({(schedule_id, at_us) for schedule_id, at_us, _ in rows})
    if found != wanted or doubled:
        missed = (wanted - found).total()
        raise RunsFailed(f"of {wanted.total()} fire times {missed} are missed, {doubled} doubled")
    return [(made_us - at_us) / 1e3 for _, at_us, made_us in rows]


def _fired(site: Site, begin: datetime, end: datetime) -> list[tuple[str, int, int]]:
    with site.runtime.database.read() as tx:
        rows = tx.exec_driver_sql(_FIRED.format(to_us(begin), to_us(end)))
        return [(row[0], row[1], row[2]) for row in rows]


def _now(site: Site) -> datetime:
    return site.runtime.reads.schedules.now()


def _second_of(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _wait(look: Callable[[], object], timeout_s: float) -> None:
    """Look until there is something, or until it took too long: what is missing is told later."""
    until = time.monotonic() + timeout_s
    while not look() and time.monotonic() < until:
        time.sleep(_LOOK_S)


def _figures(site: Site, name: str, delays: list[float], aim: Aim) -> Iterator[Figure]:
    for percent, wanted in ((50, None), (99, aim), (100, None)):
        plain = Figure(
            name=f"{name}, p{percent}", database=site.database, unit="ms", aim=wanted, note=_NOTE
        )
        yield at_percentile(delays, percent, plain)
