"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from ratchet_core.cli.since import Since, moment_of, read_since

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def read(text: str) -> Since | None:
    return read_since(click.Context(click.Command("x")), click.Option(["--since"]), text)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("1 hour ago", timedelta(hours=1)),
        ("30 Minutes ago", timedelta(minutes=30)),
        ("2 days", timedelta(days=2)),
        ("1 week ago", timedelta(weeks=1)),
    ],
)
def test_how_long_ago_is_counted_from_the_databases_now(text: str, ago: timedelta) -> None:
    since = read(text)

    assert since == ago
    assert moment_of(ago, NOW) == NOW - ago


def test_a_time_is_taken_as_it_is_and_as_utc_where_it_names_no_zone() -> None:
    assert read("2026-11-22T09:30:00+01:00") == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert read("2026-11-22 09:30") == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "0h", "-1h", "1 fortnight ago", "999999999d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no moment such as"):
        read(text)
