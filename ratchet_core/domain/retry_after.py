"""Reads the `Retry-After` of an HTTP answer. Pure: the time is handed in.

How long is really waited, and the cap on it, is decided in `retry`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,9})?", re.ASCII)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait, or None when the header is absent or says nothing readable.

    Args:
        value: seconds or an HTTP date; what is negative or past means at once.
        now: aware.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return max(0.0, float(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
