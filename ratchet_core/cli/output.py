"""What commands print: tables and lines for people, or one JSON document for programs.

Results go to standard output, everything about them to standard error. `terminal` sets what is for
people; it is imported when something is, because most processes print nothing or JSON.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click
import orjson

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Output:
    """The two streams of one call."""

    as_json: bool = False  #: one JSON document instead of text

    def document(self, value: Any) -> None:
        """Print the JSON document of this call."""
        click.echo(to_json(value))

    def line(self, text: str, style: str | None = None) -> None:
        """Print one line of the result; nothing in it is taken as markup."""
        _terminal().print_line(text, style)

    def note(self, text: str) -> None:
        """Say something about the result, on standard error."""
        _terminal().print_note(text)

    def warn(self, text: str) -> None:
        """Warn, on standard error."""
        _terminal().print_warning(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table; words that are states are coloured."""
        _terminal().print_table(columns, ([shown(value) for value in row] for row in rows))


def _terminal() -> Any:
    return importlib.import_module("ratchet_core.cli.terminal")


def to_json(value: Any) -> str:
    """Return JSON text; dataclasses, times and mappings of all kinds are turned into it."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def shown(value: Any) -> str:
    """Return a value as a cell of a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
