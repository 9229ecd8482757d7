"""When a failed call is made again, and after how long. Pure: nothing here waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Statuses of calls that were refused, or may have been: worth another try.
REFUSED_BEFORE: Final = frozenset({429})  #: nothing was done, so any call may be repeated
PASSING: Final = frozenset({429, 502, 503, 504})  #: for calls that may be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How patiently a call is made again: exponential, with jitter; `Retry-After` wins."""

    attempts: int = 5  #: calls at most, the first one included; 1 never repeats
    first_s: float = 0.25  #: pause before the second call
    factor: float = 2.0  #: each pause is so many times the one before
    cap_s: float = 30.0  #: longest pause
    jitter: float = 0.1  #: part of a pause by which it may be longer, 0 to 1
    longest_retry_after_s: float = 60.0  #: a `Retry-After` beyond this is raised, not waited for

    def pause_s(self, made: int, retry_after_s: float | None, luck: float) -> float | None:
        """Return the seconds until the next call, or None to give up.

        Args:
            made: calls made so far, from 1.
            retry_after_s: seconds that the server asks to wait, or None.
            luck: random number from 0 up to 1.
        """
        if made >= self.attempts:
            return None
        if retry_after_s is not None:
            return None if retry_after_s > self.longest_retry_after_s else retry_after_s
        # The cap comes before the power would overflow.
        exponent = min(made - 1, 64)
        plain = min(self.first_s * self.factor**exponent, self.cap_s)
        return plain * (1 + self.jitter * luck)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for: a number of them, or a date (RFC 9110)."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
