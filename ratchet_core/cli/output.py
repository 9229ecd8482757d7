"""What commands print: tables and lines for people, or one JSON document for programs.

Results go to standard output, everything about them to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Width of tables that are not for a terminal: nothing is to be cut there.
_WIDE: Final = 240
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

#: Colour of each state and verdict.
STYLES: Final[Mapping[str, str]] = {
    "active": "green",
    "cancelled": "yellow",
    "completed": "green",
    "disabled": "yellow",
    "failed": "red",
    "passed": "green",
    "quarantined": "red",
    "resolved": "green",
    "retrying": "yellow",
    "running": "cyan",
    "skipped": "yellow",
}


@dataclass(frozen=True, slots=True)
class Output:
    """The two streams of one call."""

    as_json: bool = False  #: one JSON document instead of text

    def document(self, value: Any) -> None:
        """Print the JSON document of this call."""
        click.echo(to_json(value))

    def line(self, text: str, style: str | None = None) -> None:
        """Print one line of the result; nothing in it is taken as markup."""
        console().print(Text(text, style=style or ""), soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something about the result, on standard error."""
        errors().print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Warn, on standard error."""
        errors().print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table; words that are states are coloured."""
        table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        console().print(table)


def console() -> Console:
    """Return a console for standard output as it is now."""
    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if is_terminal else _WIDE)


def errors() -> Console:
    """Return a console for standard error as it is now."""
    return Console(stderr=True, highlight=False)


def to_json(value: Any) -> str:
    """Return JSON text; dataclasses, times and mappings of all kinds are turned into it."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _cell(value: Any) -> Text:
    text = shown(value)
    return Text(text, style=STYLES.get(text, ""))


def shown(value: Any) -> str:
    """Return a value as a cell of a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
