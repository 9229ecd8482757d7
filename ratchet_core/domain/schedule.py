"""Schedules: what may be asked for, and which runs are due at a given time.

Pure: the time and what is stored go in, a decision comes out. Cron expressions are in `cron`,
what is done with a decision in `engine.schedules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from ratchet_core.domain.cron import (
    BadCron,
    Cron,
    FireTime,
    find_zone,
    fire_times,
    instants,
    parse_cron,
    trusted_cron,
)
from ratchet_core.errors import ValidationFailed

#: A fire time counts as missed when nothing has fired it for so long; then `catchup` decides.
GRACE_S: Final = 30.0
#: `max_catchup` of a schedule that names none.
DEFAULT_CATCHUP: Final = 100
#: Highest `max_catchup`: so many runs one schedule may make in one transaction.
MAX_CATCHUP: Final = 1_000
#: Highest `max_runs`.
MAX_RUNS: Final = 2_000_000_000
#: Longest name.
MAX_NAME: Final = 128
#: Fire times that a preview shows.
PREVIEW: Final = 20

_SECOND: Final = timedelta(seconds=1)
_FIRST_WINDOW: Final = timedelta(minutes=5)
_WIDER: Final = 8
_WALKED: Final = 64
_FIRST_YEAR: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_YEAR: Final = datetime(3000, 1, 1, tzinfo=UTC)


class Catchup(StrEnum):
    """What becomes of fire times that nobody fired in time."""

    NONE = "none"  #: they are given up
    LATEST = "latest"  #: the latest one makes a run, in place of all
    ALL = "all"  #: each makes a run; of more than `max_catchup` the newest


class Overlap(StrEnum):
    """What a fire time does while an earlier run of the same schedule is not at its end."""

    ALLOW = "allow"  #: the new run starts beside it
    SKIP = "skip"  #: no run is made
    QUEUE = "queue"  #: the run is made when the earlier one has ended
    CANCEL = "cancel"  #: the earlier one is cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """What somebody wants done, and when; all that a person says about a schedule."""

    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    version: str | None = None  #: None means the latest at each fire time
    cron_expression: str  #: five or six fields, or an alias
    timezone: str = "UTC"  #: IANA name
    input: Any = field(default_factory=dict)  #: JSON value, of every run
    enabled: bool = True  #: False fires nothing
    name: str | None = None  #: unique where there is one
    description: str = ""  #: for people
    priority: int | None = None  #: of its runs; None takes the workflow's
    output_destinations: tuple[Mapping[str, Any], ...] = ()  #: of its runs, besides the workflow's
    metadata: Mapping[str, Any] = field(default_factory=dict)  #: kept and shown
    catchup: Catchup = Catchup.LATEST  #: of missed fire times
    max_catchup: int = DEFAULT_CATCHUP  #: bound of `all`, and of the runs that wait with `queue`
    overlap: Overlap = Overlap.ALLOW  #: of runs of this schedule
    starts_at: datetime | None = None  #: no fire time before
    ends_at: datetime | None = None  #: no fire time after
    max_runs: int | None = None  #: exhausted after so many; None means never

    def timetable(self) -> Timetable:
        """Return the timetable of a spec that was checked before it was stored.

        Raises:
            ValidationFailed: its time zone is not known here any more.
        """
        return Timetable(
            trusted_cron(self.cron_expression), self._zone(), self.starts_at, self.ends_at
        )

    def checked(self) -> Timetable:
        """Return its timetable when it is sound.

        Raises:
            ValidationFailed: its details name the field and what is wrong with it.
        """
        try:
            cron = parse_cron(self.cron_expression)
        except BadCron as error:
            raise _wrong("cron_expression", str(error)) from None
        table = Timetable(cron, self._zone(), self.starts_at, self.ends_at)
        self._check_bounds()
        if table.next_after(_FIRST_YEAR) is None:
            reason = f"'{self.cron_expression}' has no fire time between starts_at and ends_at"
            raise _wrong("cron_expression", reason)
        return table

    def _zone(self) -> ZoneInfo:
        try:
            return find_zone(self.timezone)
        except LookupError as error:
            raise _wrong("timezone", str(error.args[0])) from None

    def _check_bounds(self) -> None:
        for place, at in (("starts_at", self.starts_at), ("ends_at", self.ends_at)):
            if at is not None and not _FIRST_YEAR < at < _LAST_YEAR:
                raise _wrong(place, "must be between the years 1970 and 3000")
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise _wrong("ends_at", "must be after starts_at")
        if not 1 <= self.max_catchup <= MAX_CATCHUP:
            raise _wrong("max_catchup", f"must be between 1 and {MAX_CATCHUP}")
        if self.max_runs is not None and not 1 <= self.max_runs <= MAX_RUNS:
            raise _wrong("max_runs", f"must be between 1 and {MAX_RUNS}")
        if self.name is not None and not (
            0 < len(self.name) <= MAX_NAME and self.name.isprintable() and self.name.strip()
        ):
            raise _wrong("name", f"must be 1 to {MAX_NAME} printable characters")

    def refuse_past(self, now: datetime) -> None:
        """Refuse a window that is over.

        Raises:
            ValidationFailed: `ends_at` is past.
        """
        if self.ends_at is not None and self.ends_at <= now:
            at = self.ends_at.isoformat().replace("+00:00", "Z")
            raise _wrong("ends_at", f"{at} is past; the schedule would never fire")


def _wrong(place: str, reason: str) -> ValidationFailed:
    return ValidationFailed(f"The schedule is not valid: {place}: {reason}", {place: [reason]})


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """A schedule as a file declares it, beside its workflow."""

    spec: ScheduleSpec  #: checked, with a name
    file: str  #: path as the user knows it


@dataclass(frozen=True, slots=True)
class Timetable:
    """The fire times of a schedule, whatever has been fired of them."""

    cron: Cron  #: checked
    zone: ZoneInfo  #: whose wall clock counts
    starts_at: datetime | None = None  #: none before
    ends_at: datetime | None = None  #: none after

    def after(self, at: datetime) -> Iterator[datetime]:
        """Yield the fire times after `at`."""
        for found, _ in instants(self.cron, self.zone, self._start(at)):
            if self.ends_at is not None and found > self.ends_at:
                return
            yield found

    def _start(self, at: datetime) -> datetime:
        if self.starts_at is None:
            return at
        return max(at, self.starts_at - timedelta(microseconds=1))

    def next_after(self, at: datetime) -> datetime | None:
        """Return the first fire time after `at`; None where there is none."""
        return next(self.after(at), None)

    def preview(self, at: datetime, count: int = PREVIEW) -> tuple[FireTime, ...]:
        """Return the next `count` fire times after `at`."""
        upcoming = fire_times(self.cron, self.zone, self._start(at))
        end = self.ends_at or _LAST_YEAR
        return tuple(islice(takewhile(lambda item: item.at <= end, upcoming), count))

    def around(
        self, since: datetime, now: datetime
    ) -> tuple[tuple[datetime, ...] | None, datetime | None]:
        """Return the fire times from `since` to `now`, and the first one after both.

        The usual case, in one walk; None in place of the times where they are too many for it.
        """
        return _walk(self, since, now)

    def newest(self, since: datetime, until: datetime, count: int) -> tuple[datetime, ...]:
        """Return up to `count` of the newest fire times from `since` to `until`, oldest first.

        Looks back in growing steps, so that a month of missed seconds is not walked through.
        """
        window = _FIRST_WINDOW
        while True:
            low = max(since, until - window)
            times = tuple(takewhile(lambda at: at <= until, self.after(low - _SECOND)))
            times = tuple(at for at in times if at >= low)
            if len(times) >= count or low == since:
                return times[-count:] if count else ()
            window *= _WIDER


@lru_cache(maxsize=512)  # many schedules fire at the same times
def _walk(
    table: Timetable, since: datetime, now: datetime
) -> tuple[tuple[datetime, ...] | None, datetime | None]:
    times: list[datetime] = []
    for at in table.after(since - _SECOND):
        if at > now and at >= since:
            return tuple(times), at
        if at >= since:
            times.append(at)
        if len(times) > _WALKED:
            return None, table.next_after(now)
    return tuple(times), None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a schedule has come."""

    next_at: datetime | None  #: the fire time that is due next; None: none will come
    last_at: datetime | None = None  #: the latest fire time that was decided upon
    runs_made: int = 0  #: runs that its fire times have made
    waiting: tuple[datetime, ...] = ()  #: with `queue`: fire times whose runs are still to be made


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done about a schedule now."""

    make: tuple[datetime, ...] = ()  #: fire times to make runs for, oldest first
    waiting: tuple[datetime, ...] = ()  #: fire times that go on waiting
    cancel_active: bool = False  #: the earlier runs are cancelled first
    skipped: int = 0  #: fire times that make no run because of an earlier one
    next_at: datetime | None = None  #: the fire time that is due next
    last_at: datetime | None = None  #: the latest fire time decided upon


def decide(
    spec: ScheduleSpec, table: Timetable, standing: Standing, now: datetime, *, is_active: bool
) -> Decision:
    """Decide what a schedule does now.

    The same fire time is never decided upon twice, even where the clock was put back.

    Args:
        spec: what is wanted.
        table: of the spec.
        standing: as stored.
        now: the database's time.
        is_active: whether an earlier run of the schedule has not come to its end.
    """
    due, next_at = _due(spec, table, standing, now)
    left = None
    if spec.max_runs is not None:
        left = max(0, spec.max_runs - standing.runs_made)
        due = due[: max(0, left - len(standing.waiting))]
    make, waiting, skipped = _overlapping(spec, standing.waiting, due, is_active=is_active)
    last_at = max((at for at in (standing.last_at, *due) if at), default=None)
    if left is not None and len(make) + len(waiting) >= left:
        next_at = None
    return Decision(
        make=make,
        waiting=waiting,
        cancel_active=is_active and spec.overlap is Overlap.CANCEL and bool(make),
        skipped=skipped,
        next_at=next_at,
        last_at=last_at,
    )


def _due(
    spec: ScheduleSpec, table: Timetable, standing: Standing, now: datetime
) -> tuple[tuple[datetime, ...], datetime | None]:
    """Return the fire times up to now that are to make runs, and the one after now."""
    since = standing.next_at
    if since is None or since > now:
        return (), since
    if standing.last_at is not None:
        since = max(since, standing.last_at + timedelta(microseconds=1))
    fresh_since = max(since, now - timedelta(seconds=GRACE_S))
    missed, next_at = table.around(since, now)
    if missed is None:  # too many to walk through: only the newest count
        most = spec.max_catchup if spec.catchup is Catchup.ALL else 1
        missed = table.newest(since, now, most)
        missed = max(missed, table.newest(fresh_since, now, MAX_CATCHUP), key=len)
    fresh = tuple(at for at in missed if at >= fresh_since)
    match spec.catchup:
        case Catchup.NONE:
            return fresh, next_at
        case Catchup.LATEST:
            return fresh or missed[-1:], next_at
        case Catchup.ALL:
            return missed[-max(spec.max_catchup, len(fresh)) :], next_at


def _overlapping(
    spec: ScheduleSpec,
    waiting: tuple[datetime, ...],
    due: tuple[datetime, ...],
    *,
    is_active: bool,
) -> tuple[tuple[datetime, ...], tuple[datetime, ...], int]:
    """Return the fire times that make runs now, those that wait, and how many do neither."""
    line = (*waiting, *due)
    match spec.overlap:
        case Overlap.ALLOW:
            return line, (), 0
        case Overlap.SKIP:
            made = () if is_active else line[:1]
            return made, (), len(line) - len(made)
        case Overlap.CANCEL:
            return line[-1:], (), max(0, len(line) - 1)
        case Overlap.QUEUE:
            made, rest = ((), line) if is_active else (line[:1], line[1:])
            kept = rest[: spec.max_catchup]
            return made, kept, len(rest) - len(kept)
