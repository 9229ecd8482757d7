"""Cron expressions: five fields, or six with seconds first, and the instants that they name.

Pure: times are handed in and come out as aware UTC. Two kinds, told apart by what the author
wrote, as Debian's cron does it:

- `30 2 * * *` names times of day. On a day on which the clocks leap over 02:30 it fires at the end
  of the gap; where 02:30 comes twice it fires at the first.
- `*/15 * * * *` (minute or hour begins with `*`) names a rhythm: it fires at every instant whose
  wall clock matches, so twice in an hour that comes twice and never in one that is left out.

What is done at these instants does not live here.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

#: What the words stand for (decisions.md section 9).
ALIASES: Final = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
#: Longest expression that is read.
MAX_LENGTH: Final = 200

#: Each field to what it may hold, in the order of six fields.
_FIELDS: Final = (
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31, L for the last day, LW for the last weekday"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT (0 and 7 are Sunday), 5L for the last Friday, MON#1"),
)
_DAY_OF_MONTH: Final = 3
_WEEKDAY: Final = 5
_OF_FIVE: Final = 5
_OF_SIX: Final = 6
_LEGAL: Final = re.compile(r"[0-9A-Za-z*/,#-]+", re.ASCII)
_ANY_TIME: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall clock, of no zone
_SECOND: Final = timedelta(seconds=1)
#: No two offsets of one zone differ by as much.
_FAR: Final = timedelta(days=2)


class BadCron(ValueError):
    """The text is no cron expression; the message names the field and what it may hold."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A checked expression."""

    text: str  #: as the author wrote it
    fields: str  #: five or six fields, aliases replaced

    @property
    def names_times(self) -> bool:
        """Whether it names times of day, rather than a rhythm."""
        minute, hour = self.fields.split()[-_OF_FIVE : 2 - _OF_FIVE]
        return not (minute.startswith("*") or hour.startswith("*"))


@dataclass(frozen=True, slots=True)
class FireTime:
    """One instant that an expression names in a zone."""

    at: datetime  #: aware UTC
    local: datetime  #: the same instant in the zone
    #: `gap`: the named time does not exist that day, this is the end of the gap;
    #: `fold`: the wall clock shows this time twice that day
    shift: Literal["gap", "fold"] | None = None


def parse_cron(text: str) -> Cron:
    """Check an expression.

    Raises:
        BadCron: naming the field that is wrong and what it may hold.
    """
    plain = text.strip()
    if len(plain) > MAX_LENGTH:
        raise BadCron(f"it is longer than {MAX_LENGTH} characters")
    if plain.startswith("@"):
        if plain.lower() not in ALIASES:
            raise BadCron(f"'{plain}' is not known; use {', '.join(ALIASES)}, or five fields")
        return Cron(text, ALIASES[plain.lower()])
    parts = plain.split()
    if len(parts) not in {_OF_FIVE, _OF_SIX}:
        raise BadCron(
            f"'{plain}' has {len(parts)} fields; use five (minute, hour, day of month, month, day "
            "of week), or six with the second first"
        )
    offset = _OF_SIX - len(parts)
    for index, part in enumerate(parts, offset):
        _check_field(index, part)
    _check_possible(parts, offset)
    return Cron(text, plain)


def trusted_cron(text: str) -> Cron:
    """Return an expression that `parse_cron` has accepted before."""
    plain = text.strip()
    return Cron(text, ALIASES.get(plain.lower(), plain))


def _check_field(index: int, part: str) -> None:
    """Check one field alone, every other one being free."""
    name, legal = _FIELDS[index]
    alone = ["*"] * _OF_SIX
    alone[index] = part
    try:
        if _LEGAL.fullmatch(part) is not None:
            CronSim(" ".join(alone), _ANY_TIME)
            return
    except (CronSimError, AssertionError, TypeError, ValueError):
        pass  # told below, in our words
    raise BadCron(
        f"{name}: '{part}' is not valid; it may hold {legal}, a list (1,2), a range (1-5) or "
        "a step (*/2)"
    )


def _check_possible(parts: list[str], offset: int) -> None:
    """Refuse dates that no year has."""
    try:
        next(CronSim(" ".join(parts), _ANY_TIME))
    except (CronSimError, StopIteration, RuntimeError, OverflowError):
        day, month, weekday = (parts[n - offset] for n in (_DAY_OF_MONTH, 4, _WEEKDAY))
        wanted = f"'{day}' with month '{month}'"
        if weekday != "*":
            wanted += f" and day of week '{weekday}'"
        raise BadCron(f"day of month: {wanted} is a date that never comes") from None


def find_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        LookupError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise LookupError(
            f"there is no time zone '{name[:100]}'; use an IANA name such as UTC or Europe/Berlin"
        ) from None


def fire_times(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[FireTime]:
    """Yield the instants after `after` with their wall clock; see `instants`."""
    for at, wall in instants(cron, zone, after):
        yield _fire_time(at, zone, wall)


def instants(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield (instant, named wall clock) after `after`, strictly growing.

    It ends when none comes for 50 years.

    Args:
        cron: checked.
        zone: whose wall clock counts.
        after: aware.
    """
    try:
        if zone.key == "UTC":
            for wall in _walls(cron, after.astimezone(UTC).replace(tzinfo=None)):
                yield wall.replace(tzinfo=UTC), wall
        elif cron.names_times:
            yield from _times_of_day(cron, zone, after.astimezone(UTC))
        else:
            yield from _rhythm(cron, zone, after.astimezone(UTC))
    except OverflowError:
        return  # the calendar ends with the year 9999


def _walls(cron: Cron, after: datetime) -> CronSim:
    """Return an iterator over the wall clocks after `after` that the fields name."""
    walls = copy.copy(_parsed(cron.fields))
    walls.dt = after.replace(microsecond=0)
    return walls


@functools.lru_cache(maxsize=1024)
def _parsed(fields: str) -> CronSim:
    """Return the iterator of fields, to be copied: reading them costs more than one step."""
    return CronSim(fields, _ANY_TIME)


def _times_of_day(
    cron: Cron, zone: ZoneInfo, after: datetime
) -> Iterator[tuple[datetime, datetime]]:
    last = after
    for wall in _walls(cron, _wall(after, zone)):
        at = _instant(wall, zone)
        if at > last:
            last = at
            yield at, wall


def _rhythm(cron: Cron, zone: ZoneInfo, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Walk through stretches of one offset each; within one, wall clock and time go alike."""
    at = after.replace(microsecond=0)
    offset = _offset(at, zone)
    walls = _walls(cron, (at + offset).replace(tzinfo=None))
    for wall in walls:
        found = wall.replace(tzinfo=UTC) - offset
        if found - at > _FAR:
            at = found - _FAR  # whatever the offsets on the way, nothing matches before
            offset = _offset(at, zone)
        elif _offset(found, zone) == offset:
            at = found
            yield at, wall
            continue
        else:
            change = _change(at, found, zone)
            at, offset = change - _SECOND, _offset(change, zone)
        walls.dt = (at + offset).replace(tzinfo=None)


def _fire_time(at: datetime, zone: ZoneInfo, wall: datetime) -> FireTime:
    local = at.astimezone(zone)
    shown = local.replace(tzinfo=None, fold=0)
    if shown != wall:
        return FireTime(at, local, "gap")
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return FireTime(at, local, "fold" if comes_twice else None)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the wall clock shows `wall`, or the end of its gap."""
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(at, zone) == wall:
        return at
    return _change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), at, zone)


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant after `low`, up to `high`, from which the offset is that of `high`."""
    offset = _offset(high, zone)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if _offset(middle, zone) == offset:
            high = middle
        else:
            low = middle
    return high
