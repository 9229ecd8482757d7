"""Durations on the command line: `90s`, `15m`, `12h`, `30d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)", re.ASCII)
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
#: A century; longer ones are slips.
_LONGEST: Final = timedelta(days=36_525)


def read_duration(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> timedelta | None:
    """Return the duration that an option says; the callback of such options.

    Raises:
        BadParameter: it says none, or one of more than a century.
    """
    if value is None:
        return None
    form = _FORM.fullmatch(value)
    length = int(form[1]) * _UNITS[form[2]] if form else None
    if length is None or length > _LONGEST:
        message = f"'{value}' is no duration such as 90s, 15m, 12h or 30d"
        raise click.BadParameter(message, context, parameter)
    return length
