"""The formats of log lines: json, text, compact, pretty.

Each turns one `LogLine` into text; what stands in a line is decided in `line`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from ratchet_core.telemetry.line import LogLine, line_of

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_WORD: Final = re.compile(r"[\w.:/@+-]+\Z")
_COLOURS: Final[Mapping[str, str]] = {
    "trace": "2",
    "debug": "36",
    "info": "32",
    "warn": "33",
    "error": "31",
    "critical": "1;31",
}


class LineFormatter(logging.Formatter):
    """Writes records in one of the formats; location is put into the fields where it is wanted."""

    def __init__(
        self,
        style: str,
        constant: Mapping[str, object],
        *,
        include_location: bool = False,
        with_context: bool = True,
        colour: bool = False,
    ) -> None:
        super().__init__()
        self._write = _STYLES[style]
        self._constant = constant
        self._include_location = include_location
        self._with_context = with_context
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without a newline at its end."""
        constant = self._constant
        if self._include_location:
            constant = {**constant, "location": f"{record.pathname}:{record.lineno}"}
        line = line_of(record, constant, with_context=self._with_context)
        return self._write(line, self._colour)


def write_json(line: LogLine, _colour: bool) -> str:  # noqa: FBT001 - one shape for all formats
    """Return one JSON object on one line; every key is always there."""
    shape = {
        "timestamp": line.timestamp,
        "level": line.level,
        "message": line.message,
        "logger": line.logger,
        "fields": line.fields,
        "error": None if line.error is None else dataclasses.asdict(line.error),
        "trace_id": line.trace_id,
        "span_id": line.span_id,
    }
    try:
        return orjson.dumps(shape, default=str).decode()
    except TypeError:
        # integers over 64 bits, lone surrogates, circles: rare, and the line must not be lost
        return json.dumps(_tame(shape, 0))


def write_text(line: LogLine, _colour: bool) -> str:  # noqa: FBT001
    """Return `time LEVEL logger: message key=value …`, an error's stack on lines below."""
    head = f"{line.timestamp} {line.level.upper():<5} {line.logger}: {_one_line(line.message)}"
    return _with_stack(f"{head}{_pairs(line)}", line)


def write_compact(line: LogLine, _colour: bool) -> str:  # noqa: FBT001
    """Return `LEVEL message key=value …`; of an error its type and message only."""
    error = ""
    if line.error is not None:
        error = f" error={_word(f'{line.error.error_type}: {line.error.message}')}"
    return f"{line.level.upper():<5} {_one_line(line.message)}{_pairs(line)}{error}"


def write_pretty(line: LogLine, colour: bool) -> str:  # noqa: FBT001
    """Return the message with each field on a line of its own, coloured on a terminal."""
    level = f"{line.level.upper():<5}"
    if colour:
        level = f"\x1b[{_COLOURS[line.level]}m{level}\x1b[0m"
    time = line.timestamp[11:23]
    rows = [f"{time} {level} {_one_line(line.message)}  ({line.logger})"]
    rows += [f"      {_one_line(key)}: {_one_line(_plain(v))}" for key, v in line.fields.items()]
    return _with_stack("\n".join(rows), line)


_STYLES: Final[Mapping[str, Callable[[LogLine, bool], str]]] = {
    "json": write_json,
    "text": write_text,
    "compact": write_compact,
    "pretty": write_pretty,
}


def _with_stack(text: str, line: LogLine) -> str:
    if line.error is None:
        return text
    stack = "\n".join(f"  {_one_line(row)}" for row in line.error.stack_trace.splitlines())
    return f"{text}\n{stack}"


def _pairs(line: LogLine) -> str:
    named = dict(line.fields)
    if line.trace_id is not None and line.trace_id != named.get("request_id"):
        named["trace_id"] = line.trace_id
    return "".join(f" {_one_line(key)}={_word(_plain(value))}" for key, value in named.items())


def _plain(value: object) -> str:
    if isinstance(value, dict | list):
        return json.dumps(_tame(value, 0))
    return str(value)


def _word(text: str) -> str:
    return text if _PLAIN_WORD.match(text) else json.dumps(text, ensure_ascii=True)


def _one_line(text: str) -> str:
    """Escape what could forge a second line or drive a terminal."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def _tame(value: object, depth: int) -> object:
    """Return a copy that any JSON writer accepts."""
    if depth > 32:  # noqa: PLR2004 - as deep as the redaction looks
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _tame(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tame(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return str(value)
