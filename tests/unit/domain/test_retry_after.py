"""`Retry-After` in both its forms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.retry_after import parse_retry_after

NOW = datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 20:01:00 GMT", 60.0),
        ("Sunday, 22-Nov-26 20:01:00 GMT", 60.0),
        ("Sun Nov 22 20:01:00 2026", 60.0),
        ("Sun, 22 Nov 2026 21:01:00 +0100", 60.0),
        ("Sun, 22 Nov 2026 19:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("9" * 5000, None),
        ("nan", None),
        ("inf", None),
        ("Sun, 99 Nov 2026 20:01:00 GMT", None),
    ],
)
def test_it_is_seconds_or_a_date_and_anything_else_is_nothing(
    value: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    seconds = parse_retry_after(text, NOW)

    assert seconds is None or seconds >= 0
