"""Where lines of code come from: the engine calls every file `<input>`, so lines tell files apart.

Each file is put below the ones before it by empty lines. This module hands out the places and
turns what the engine says about a place into file, line and column. Lines of the prelude, which
come first, are nobody's business but ours.
"""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = re.compile(r"<input>:(\d+)(?::(\d+))?")
#: What the engine adds to a SyntaxError: a place alone, in no function.
_SYNTAX_PLACE: Final = re.compile(r"\n    at <input>:(\d+):(\d+)\n?\Z")
_STACK_LINE: Final = re.compile(r"\n    at [^\n]*(?=\n|\Z)")
#: Lines of a stack that are kept.
MAX_STACK_LINES: Final = 20


class SourceMap:
    """Places files one below the other and finds them again.

    Args:
        first_line: the first file begins below it; at least 1.
    """

    def __init__(self, first_line: int) -> None:
        self._next_line = first_line
        self._files: list[tuple[int, int, str]] = []

    def place(self, name: str, text: str, prefix: str = "") -> str:
        """Return the text, moved to the lines that are now its own.

        Args:
            name: what to call the file in stacks.
            text: its source.
            prefix: code on the line before the first; must not contain line breaks.
        """
        start = self._next_line + 1
        end = start + text.count("\n")
        self._files.append((start, end, name))
        self._next_line = end + 1
        if text.startswith("#!"):  # for a shell, and only legal where nothing is above it
            text = "//" + text[2:]
        return "\n" * (start - 2) + prefix + "\n" + text

    def locate(self, line: int, column: str | None) -> str | None:
        """Return `file:line:column`; None for lines that are no file's."""
        for start, end, name in self._files:
            if start <= line <= end:
                return f"{name}:{line - start + 1}" + (f":{column}" if column else "")
        return None

    def last_line(self, line: int) -> str | None:
        """Return the end of the last file for a place beyond it: where text was missing."""
        if self._files and line > self._files[-1][1]:
            start, end, name = self._files[-1]
            return f"{name}:{end - start + 1}"
        return None

    def stack(self, text: str) -> list[str]:
        """Return the lines of an engine's stack that lie in files, each as `function (place)`."""
        lines: list[str] = []
        for line in text.split("\n"):
            found = _PLACE.search(line)
            place = self.locate(int(found[1]), found[2]) if found else None
            if found and place:
                lines.append(line.replace(found[0], place).strip().removeprefix("at "))
        return lines[:MAX_STACK_LINES]


def syntax_place(engine_text: str) -> tuple[int, str] | None:
    """Return line and column of a syntax error; None if the text tells of another error."""
    found = _SYNTAX_PLACE.search(engine_text)
    if not engine_text.startswith("SyntaxError") or found is None:
        return None
    if _STACK_LINE.search(engine_text[: found.start()]):
        return None  # thrown while running, with a stack
    return int(found[1]), found[2]


def split_thrown(engine_text: str) -> tuple[str, str, str]:
    """Return name, message and stack of an error of which the engine gives only the text."""
    text, stack = engine_text.removesuffix("\nundefined"), ""
    first = _STACK_LINE.search(text)
    if first:
        text, stack = text[: first.start()], text[first.start() + 1 :]
    named = re.match(r"([A-Za-z_$][\w$]*)(?:: (.*))?\Z", text.rstrip("\n"), re.DOTALL)
    if named and (named[1].endswith("Error") or named[1] == "AggregateError"):
        return named[1], named[2] or "", stack
    return "Error", text.rstrip("\n"), stack
