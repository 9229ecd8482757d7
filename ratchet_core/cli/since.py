"""Moments on the command line: `90s`, `1h`, `1 hour ago`, `2026-11-22T09:30:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

#: A moment, or how long ago it was: the database's clock says since when.
Since = datetime | timedelta

_FORM: Final = re.compile(
    r"([1-9][0-9]{0,8}) ?(s|m|h|d|seconds?|minutes?|hours?|days?|weeks?)( ago)?", re.ASCII
)
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
#: A century; longer ones are slips.
_LONGEST: Final = timedelta(days=36_525)


def read_since(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Since | None:
    """Return what an option says; the callback of such options.

    Raises:
        BadParameter: it says no moment.
    """
    if value is None:
        return None
    text = value.strip().lower()
    form = _FORM.fullmatch(text)
    if form is not None:
        length = int(form[1]) * _UNITS[form[2][0]]
        if length <= _LONGEST:
            return length
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        message = f"'{value}' is no moment such as 15m, '1 hour ago' or 2026-11-22T09:30:00Z"
        raise click.BadParameter(message, context, parameter) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def moment_of(since: Since, now: datetime) -> datetime:
    """Return the moment, by the database's clock."""
    return now - since if isinstance(since, timedelta) else since
