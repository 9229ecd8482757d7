"""Where a value was read, and how a wrong one is refused.

A refusal names the source, the line where known, the dotted key, what is wrong, and what to write.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ratchet_core.errors import ConfigurationError

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one value stands."""

    source: str  #: path of the file, `environment variable NAME`, or `override`
    key: str  #: dotted key; empty for the whole document
    line: int | None = None  #: counted from 1

    def under(self, name: str, line: int | None = None) -> Place:
        """Return the place of a key or an index (`[2]`) below this one."""
        joint = "" if not self.key or name.startswith("[") else "."
        return Place(self.source, f"{self.key}{joint}{name}", line or self.line)

    def refuse(self, message: str) -> ConfigurationError:
        """Make the error that says what is wrong at this place."""
        return ConfigurationError(f"{self}: {message}")

    def __str__(self) -> str:
        source = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{source}: {self.key}" if self.key else source


@dataclass(frozen=True, slots=True)
class Value:
    """One value with its place."""

    content: Scalar | dict[str, Value] | list[Value]
    place: Place
    is_untyped: bool = False  #: came from the environment: its type is read from the text
    is_hidden: bool = False  #: may hold a secret: an error does not repeat it

    def plain(self) -> Any:
        """Return the value without its places: what JSON would hold."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain() for value in self.content]
        return self.content


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known word most like the wrong one, or nothing."""
    matches = difflib.get_close_matches(wrong, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean '{matches[0]}'?" if matches else ""
