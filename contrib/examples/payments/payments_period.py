"""Days and billing periods of the payments example: reading a day, and what it starts."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ratchet_core.sdk import PermanentError

#: How subscriptions are billed, and the months that one bill covers.
MONTHS: Final = {"monthly": 1, "yearly": 12}


@dataclass(frozen=True)
class Period:
    """Days that are paid for, the first and the last of them included."""

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last_day - self.first_day).days + 1

    def days_after(self, day: date) -> int:
        """Count the days that are left when `day` was the last one used."""
        return max(0, min(self.days, (self.last_day - day).days))


def today() -> date:
    """Return the current day in UTC."""
    return datetime.now(UTC).date()


def parse_day(value: object, field: str, default: date) -> date:
    """Return a day given as YYYY-MM-DD, or `default` where there is none.

    Raises:
        PermanentError: `value` is anything else; the message names `field`.
    """
    if value is None:
        return default
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise PermanentError(
            f"{field} {value!r} is not a day; write YYYY-MM-DD", code="INVALID_DATE"
        ) from None


def last_day_of_month(year: int, month: int) -> date:
    """Return the last day of a month (1 to 12)."""
    return date(year, month, calendar.monthrange(year, month)[1])


def period_from(first_day: date, months: int) -> Period:
    """Return the period of whole months that starts on `first_day`.

    A period that starts on the 31st ends where a shorter month ends, as calendars of bills do.
    """
    index = first_day.year * 12 + (first_day.month - 1) + months
    year, month = divmod(index, 12)
    last_of_month = last_day_of_month(year, month + 1)
    next_first = last_of_month.replace(day=min(first_day.day, last_of_month.day))
    return Period(first_day, next_first - timedelta(days=1))
