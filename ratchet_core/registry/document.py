"""A parsed file that still knows its lines: values, places in them, and errors that name both.

Also the limits that every definition file obeys, and JSON. YAML is in `yaml_document`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ratchet_core.errors import DefinitionError

#: Way to a value inside a document: keys and indexes from the top.
Place = tuple[str | int, ...]

#: Largest definition file, script or test case that is read.
MAX_FILE_BYTES: Final = 1_000_000
#: Deepest nesting of lists and mappings in a definition.
MAX_DEPTH: Final = 64

_PLACE_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def place_text(place: Place) -> str:
    """Return the place as people read it, such as `step_templates[2].name`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def parse_place(text: str) -> Place:
    """Return the place that `place_text` wrote."""
    return tuple(
        int(match[1]) if match[1] is not None else match[2] for match in _PLACE_PART.finditer(text)
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the parts of a value stand in its file."""

    value: Any = None  #: the value as parsed
    #: identity of each container to the lines of its keys or items
    of_container: Mapping[int, Mapping[str | int, int]] = field(default_factory=dict)

    def at(self, place: Place) -> int | None:
        """Return the line of the place, or of the nearest known part above it."""
        line = None
        value = self.value
        for part in place:
            found = self.of_container.get(id(value), {}).get(part)
            if found is None:
                break
            line, value = found, value[part]
        return line


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file."""

    file: str  #: path as the user knows it
    value: Any  #: JSON value
    lines: Callable[[], Lines] = Lines  #: made when an error asks for them

    def error(self, reason: str, place: Place = ()) -> DefinitionError:
        """Return an error about a place in this file."""
        return DefinitionError(
            reason, file=self.file, line=self.lines().at(place), place=place_text(place) or None
        )

    def located(self, error: DefinitionError) -> DefinitionError:
        """Return the error with this file and the line of its place."""
        place = parse_place(error.place or "")
        return DefinitionError(
            error.reason, file=self.file, line=self.lines().at(place), place=error.place
        )


def decode_text(data: bytes, file: str, limit_bytes: int = MAX_FILE_BYTES) -> str:
    """Return the text of a file.

    Args:
        data: content of the file; one byte over the limit is enough to be refused.
        file: its path, for errors.
        limit_bytes: most bytes that are accepted.

    Raises:
        DefinitionError: too large, not UTF-8, or with NUL bytes.
    """
    if len(data) > limit_bytes:
        raise DefinitionError(f"the file is larger than {limit_bytes} bytes", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        raise DefinitionError(reason, file=file, line=line) from None
    at = text.find("\0")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        raise DefinitionError("the file contains a NUL byte", file=file, line=line)
    return text


def parse_json(text: str, file: str, locate: Callable[[str, str], Lines] | None = None) -> Document:
    """Parse a JSON file.

    Args:
        text: its content.
        file: its path, for errors.
        locate: finds the lines of the text's parts; called only when an error needs them.

    Raises:
        DefinitionError: not JSON, a key twice in one object, or nested too deeply.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = f"not valid JSON: {error.msg} (column {error.colno})"
        raise DefinitionError(reason, file=file, line=error.lineno) from None
    document = Document(file, value, _lazy(text, file, locate))
    check_json(document)
    _refuse_duplicates(text, file)
    return document


def check_json(document: Document) -> None:
    """Refuse what no store keeps: NUL characters, and nesting beyond `MAX_DEPTH`."""
    open_values: list[tuple[Place, Any]] = [((), document.value)]
    while open_values:
        place, value = open_values.pop()
        if len(place) > MAX_DEPTH:
            raise document.error(f"nested deeper than {MAX_DEPTH} levels", place[:8])
        if isinstance(value, str) and "\0" in value:
            raise document.error("the text contains a NUL character", place)
        if isinstance(value, dict):
            if any("\0" in key for key in value):
                raise document.error("a key contains a NUL character", place)
            open_values.extend(((*place, key), item) for key, item in value.items())
        elif isinstance(value, list):
            open_values.extend(((*place, index), item) for index, item in enumerate(value))


def _lazy(text: str, file: str, locate: Callable[[str, str], Lines] | None) -> Callable[[], Lines]:
    return (lambda: locate(text, file)) if locate is not None else Lines


def _refuse_duplicates(text: str, file: str) -> None:
    """Refuse a key that one object has twice: one of the two would silently be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                raise DefinitionError(f"the key '{key}' is there twice in one object", file=file)
            keys.add(key)
        return {}

    json.loads(text, object_pairs_hook=unique, parse_int=float)
