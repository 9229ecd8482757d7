"""How the doors write and read times: ISO-8601, UTC, `Z` (decisions.md section 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def to_millis(at: datetime) -> str:
    """Write `at` with milliseconds, as `/api/v1` and GraphQL do."""
    at = at if at.tzinfo is UTC else at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def to_seconds(at: datetime) -> str:
    """Write `at` in whole seconds, as `/tasker` does."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def optional_millis(at: datetime | None) -> str | None:
    """Write `at` with milliseconds; None stays None."""
    return None if at is None else to_millis(at)


def optional_seconds(at: datetime | None) -> str | None:
    """Write `at` in whole seconds; None stays None."""
    return None if at is None else to_seconds(at)


def read_moment(text: str) -> datetime:
    """Read an ISO-8601 time; one without an offset is UTC.

    Raises:
        ValueError: it is no such time, or out of range.
    """
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is not a time such as 2026-01-31T09:30:00Z") from None


def millis_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the milliseconds from `start` to `end`; None while either is missing."""
    if start is None or end is None:
        return None
    return round((end - start) / timedelta(milliseconds=1), 3)
