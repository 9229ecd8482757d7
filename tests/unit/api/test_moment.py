from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ratchet_core.api.door.moment import millis_between, read_moment, to_millis, to_seconds

NOON = datetime(2024, 1, 15, 12, 30, 5, 123_900, tzinfo=UTC)


def test_milliseconds_end_in_z() -> None:
    assert to_millis(NOON) == "2024-01-15T12:30:05.123Z"


def test_whole_seconds_end_in_z() -> None:
    assert to_seconds(NOON) == "2024-01-15T12:30:05Z"


def test_other_zones_are_written_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-5)))

    assert to_millis(elsewhere) == "2024-01-15T12:30:05.123Z"


@pytest.mark.parametrize(
    "text", ["2024-01-15T12:30:05Z", "2024-01-15T07:30:05-05:00", "2024-01-15T12:30:05"]
)
def test_a_time_is_read_in_utc_unless_it_names_an_offset(text: str) -> None:
    assert read_moment(text) == datetime(2024, 1, 15, 12, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2026-01-31T09:30:00Z"):
        read_moment(text)


def test_the_milliseconds_of_something_unfinished_are_unknown() -> None:
    assert millis_between(NOON, None) is None
    assert millis_between(NOON, NOON + timedelta(seconds=1.5)) == 1500
