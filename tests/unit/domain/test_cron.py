"""Cron expressions: what they name, in zones whose clocks leap, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.cron import ALIASES, BadCron, find_zone, fire_times, parse_cron

ZONES = [
    "UTC",
    "America/New_York",
    "America/Santiago",  # leaps at midnight
    "Australia/Lord_Howe",  # leaps by half an hour
    "Europe/Berlin",
    "Asia/Kathmandu",  # 5:45
    "Africa/Casablanca",  # negative summer time around Ramadan
    "Pacific/Apia",  # left out a whole day in 2011
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def upcoming(cron: str, zone: str, after: str, count: int = 3) -> list[str]:
    """Return the local times of the next fire times, with their shift."""
    found = islice(fire_times(parse_cron(cron), find_zone(zone), at(after)), count)
    return [item.local.isoformat() + (f" {item.shift}" if item.shift else "") for item in found]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * *", ["2026-01-01T09:00:00+00:00", "2026-01-02T09:00:00+00:00"]),
        ("30 0 9 * * *", ["2026-01-01T09:00:30+00:00", "2026-01-02T09:00:30+00:00"]),
        ("*/30 * * * *", ["2026-01-01T00:30:00+00:00", "2026-01-01T01:00:00+00:00"]),
        ("0 9 * * MON-FRI", ["2026-01-01T09:00:00+00:00", "2026-01-02T09:00:00+00:00"]),
        ("0 0 1 JAN,jul *", ["2026-07-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"]),
        ("0 0 13 * FRI", ["2026-01-02T00:00:00+00:00", "2026-01-09T00:00:00+00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"]),
        ("0 0 L * *", ["2026-01-31T00:00:00+00:00", "2026-02-28T00:00:00+00:00"]),
        ("0 0 * * 7", ["2026-01-04T00:00:00+00:00", "2026-01-11T00:00:00+00:00"]),
        ("@daily", ["2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"]),
        ("@Weekly", ["2026-01-04T00:00:00+00:00", "2026-01-11T00:00:00+00:00"]),
    ],
)
def test_an_expression_names_its_times(cron: str, expected: list[str]) -> None:
    assert upcoming(cron, "UTC", "2026-01-01T00:00:00Z", 2) == expected


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_is_read(alias: str) -> None:
    assert parse_cron(alias).fields == ALIASES[alias]


@pytest.mark.parametrize(
    ("cron", "field"),
    [
        ("60 * * * *", "minute: '60'"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of month: '0'"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 8", "day of week: '8'"),
        ("* * * * MOON", "day of week: 'MOON'"),
        ("61 * * * * *", "second: '61'"),
        ("*/0 * * * *", "minute: '*/0'"),
        ("5-1 * * * *", "minute: '5-1'"),
        ("1,,2 * * * *", "minute: '1,,2'"),
        ("٣ * * * *", "minute"),
        ("0 0 31 2 *", "day of month: '31' with month '2' is a date that never comes"),
        ("0 0 30 FEB *", "day of month"),
        ("0 0 31 4,6,9,11 *", "day of month"),
        ("0 0 0 31 2 *", "day of month"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * *", "has 7 fields"),
        ("", "has 0 fields"),
        ("@reboot", "'@reboot' is not known"),
        ("*" * 500, "longer than"),
        ("1" * 199, "has 1 fields"),
        ("0 0 " + "9" * 150 + " * *", "day of month"),
    ],
)
def test_what_is_no_expression_is_refused_naming_the_field(cron: str, field: str) -> None:
    with pytest.raises(BadCron) as refused:
        parse_cron(cron)

    assert field in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    try:
        cron = parse_cron(text)
    except BadCron:
        return

    assert next(fire_times(cron, find_zone("UTC"), at("2026-01-01T00:00:00Z")), None) is not None


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "a\0b", "x" * 500])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(LookupError, match="no time zone"):
        find_zone(name)


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 30 2 * * *"])
def test_a_time_in_the_gap_fires_at_its_end(cron: str) -> None:
    assert upcoming(cron, "America/New_York", "2026-03-07T12:00:00Z", 2) == [
        "2026-03-08T03:00:00-04:00 gap",
        "2026-03-09T02:30:00-04:00",
    ]


@pytest.mark.parametrize("cron", ["30 1 * * *", "0 30 1 * * *"])
def test_a_time_that_comes_twice_fires_at_the_first(cron: str) -> None:
    expected = ["2026-11-01T01:30:00-04:00 fold", "2026-11-02T01:30:00-05:00"]

    assert upcoming(cron, "America/New_York", "2026-10-31T12:00:00Z", 2) == expected
    between = upcoming(cron, "America/New_York", "2026-11-01T06:10:00Z", 1)
    assert between == ["2026-11-02T01:30:00-05:00"], "the second 01:30 was taken for the first"


def test_two_times_in_one_gap_fire_once() -> None:
    assert upcoming("15,45 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", 2) == [
        "2026-03-08T03:00:00-04:00 gap",
        "2026-03-09T02:15:00-04:00",
    ]


def test_a_rhythm_fires_twice_in_an_hour_that_comes_twice() -> None:
    assert upcoming("0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", 3) == [
        "2026-11-01T01:00:00-04:00 fold",
        "2026-11-01T01:00:00-05:00 fold",
        "2026-11-01T02:00:00-05:00",
    ]


def test_a_rhythm_leaves_out_an_hour_that_is_left_out() -> None:
    assert upcoming("*/30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2) == [
        "2026-03-09T02:00:00-04:00",
        "2026-03-09T02:30:00-04:00",
    ]


def test_a_gap_of_half_an_hour_loses_nothing_after_it() -> None:
    assert upcoming("*/20 2-3 * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", 3) == [
        "2026-10-04T02:40:00+11:00",
        "2026-10-04T03:00:00+11:00",
        "2026-10-04T03:20:00+11:00",
    ]


def test_midnight_in_the_gap_fires_at_one() -> None:
    expected = ["2026-09-06T01:00:00-03:00 gap", "2026-09-07T00:00:00-03:00"]

    assert upcoming("@daily", "America/Santiago", "2026-09-05T12:00:00Z", 2) == expected


def test_a_day_that_a_country_left_out_fires_at_its_end() -> None:
    expected = ["2011-12-31T00:00:00+14:00 gap", "2012-12-30T12:00:00+14:00"]

    assert upcoming("0 12 30 12 *", "Pacific/Apia", "2011-12-29T12:00:00Z", 2) == expected


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0,30 0-3 * * *"]),
    st.sampled_from(ZONES),
    st.integers(0, 366 * 24 * 60),
)
def test_fire_times_grow_and_match_the_wall_clock(cron: str, zone: str, minutes: int) -> None:
    start = at("2026-01-01T00:00:00Z") + timedelta(minutes=minutes)
    parsed = parse_cron(cron)

    found = list(islice(fire_times(parsed, find_zone(zone), start), 60))

    assert found[0].at > start
    assert all(earlier.at < later.at for earlier, later in pairwise(found))
    assert all(item.at.tzinfo is UTC for item in found)
    assert all(item.local.astimezone(UTC) == item.at for item in found)
    minute = cron.split(maxsplit=1)[0]
    for item in found:
        if item.shift != "gap" and minute.isdigit():
            assert item.local.minute == int(minute)


@given(
    st.sampled_from(["* * * * *", "*/5 * * * *", "*/20 1-3 * * *", "17 */2 * * *"]),
    st.sampled_from(ZONES),
    st.integers(0, 366 * 24),
)
def test_a_rhythm_is_every_instant_whose_wall_clock_matches(
    cron: str, zone: str, hours: int
) -> None:
    start = at("2026-01-01T00:00:00Z") + timedelta(hours=hours)
    parsed, place = parse_cron(cron), find_zone(zone)
    until = start + timedelta(hours=6)

    found = [item.at for item in fires_until(cron, zone, start, until)]

    walk = (start + timedelta(minutes=n) for n in range(1, 6 * 60 + 1))
    matching = [moment for moment in walk if matches(cron, moment.astimezone(place))]
    assert found == matching
    assert not parsed.names_times


def fires_until(cron: str, zone: str, start: datetime, until: datetime) -> list[Any]:
    found = []
    for item in fire_times(parse_cron(cron), find_zone(zone), start):
        if item.at > until:
            break
        found.append(item)
    return found


def matches(cron: str, local: datetime) -> bool:
    """Tell whether a wall clock matches minute and hour; an independent reading of cron."""
    minute, hour = cron.split()[:2]
    return in_field(minute, local.minute, 0, 59) and in_field(hour, local.hour, 0, 23)


def in_field(field: str, value: int, low: int, high: int) -> bool:
    span, _, step = field.partition("/")
    if "-" in span:
        low, high = (int(part) for part in span.split("-"))
    elif span != "*":
        low = int(span)
        high = high if step else low
    return low <= value <= high and (value - low) % int(step or 1) == 0
