"""When calls are made again, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ratchet_client.backoff import Backoff, retry_after_s

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def test_pauses_double_up_to_the_cap() -> None:
    backoff = Backoff(attempts=7, first_s=1, cap_s=10, jitter=0)

    assert [backoff.pause_s(made, None, 0) for made in range(1, 8)] == [1, 2, 4, 8, 10, 10, None]


def test_luck_makes_a_pause_longer_and_never_shorter() -> None:
    backoff = Backoff(first_s=1, jitter=0.5)

    assert backoff.pause_s(1, None, 0.0) == 1
    assert backoff.pause_s(1, None, 1.0) == 1.5


def test_many_attempts_do_not_overflow() -> None:
    assert Backoff(attempts=10**9).pause_s(10**6, None, 0) == 30


def test_what_the_server_asks_for_wins() -> None:
    assert Backoff(first_s=1).pause_s(1, 17, 0.5) == 17


def test_a_wait_that_is_too_long_is_not_waited() -> None:
    assert Backoff(longest_retry_after_s=60).pause_s(1, 61, 0) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": text}, NOW) == seconds
