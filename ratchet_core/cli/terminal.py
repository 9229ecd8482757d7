"""Lines and tables for people, in colour where a terminal shows them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Width of tables that are not for a terminal: nothing is to be cut there.
_WIDE: Final = 240

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


def console() -> Console:
    """Return a console for standard output as it is now."""
    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if is_terminal else _WIDE)


def errors() -> Console:
    """Return a console for standard error as it is now."""
    return Console(stderr=True, highlight=False)


def print_line(text: str, style: str | None) -> None:
    """Print one line on standard output; nothing in it is taken as markup."""
    console().print(Text(text, style=style or ""), soft_wrap=True)


def print_note(text: str) -> None:
    """Print one line on standard error."""
    errors().print(Text(text), soft_wrap=True)


def print_warning(text: str) -> None:
    """Print one line on standard error, as a warning."""
    errors().print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output; words that are states are coloured."""
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console().print(table)
