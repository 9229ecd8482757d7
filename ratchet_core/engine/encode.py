"""Values of step code become JSON text, or an error that names the place where they cannot.

The encoder alone would write NaN as null and name no place, so both are looked for here; the
slow look is taken only where the text gives a reason for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

_MAX_INTEGER: Final = 2**64 - 1
_MIN_INTEGER: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a value of step code may be."""

    max_bytes: int = 10 * 1024 * 1024  #: of its JSON text
    max_depth: int = 200  #: of its nesting


class NotJson(ValueError):
    """The value cannot be JSON; the message says where and why."""


def encode(value: Any, noun: str, limits: Limits) -> str:
    """Return the JSON text of a value.

    Args:
        value: what step code returned or published.
        noun: what the value is, for the message: "the step's result".
        limits: above which it is refused.

    Raises:
        NotJson: with the place of the first part that is no JSON, or the limit it breaks.
    """
    try:
        text = orjson.dumps(value)
    except (TypeError, RecursionError) as error:
        raise NotJson(_reason(value, noun, limits) or f"{noun} is no JSON: {error}") from None
    if len(text) > limits.max_bytes:
        raise NotJson(
            f"{noun} is {len(text)} bytes of JSON, more than the limit of {limits.max_bytes} "
            "(limits.max_result_bytes); store it elsewhere and return a reference"
        )
    may_be_deep = text.count(b"[") + text.count(b"{") > limits.max_depth
    if b"null" in text or (may_be_deep and _is_deeper(value, limits.max_depth)):
        reason = _reason(value, noun, limits)
        if reason is not None:
            raise NotJson(reason)
    return text.decode()


def plain_text(text: str) -> str:
    """Replace what no database and no JSON keeps: NUL characters and lone surrogates."""
    text = text.replace("\x00", "\\0")
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _reason(value: Any, noun: str, limits: Limits) -> str | None:
    for place, part, depth in _walk(value):
        if depth > limits.max_depth:
            return f"{noun} is nested deeper than {limits.max_depth} levels (limits.max_json_depth)"
        problem = _problem(part)
        if problem is not None:
            at = f" at {plain_text(_cut_place(place))}" if place else ""
            return f"{noun} is no JSON{at}: {problem}"
    return None


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether a value is nested deeper than `limit`, looking level by level."""
    level = [value]
    for _ in range(limit):
        level = [
            item
            for part in level
            if isinstance(part, dict | list | tuple)
            for item in (part.values() if isinstance(part, dict) else part)
            if isinstance(item, dict | list | tuple)
        ]
        if not level:
            return False
    return True


def _cut_place(place: str) -> str:
    """Shorten a long place to its end, which tells most."""
    return place if len(place) <= 200 else "…" + place[-199:]  # noqa: PLR2004 - a line of text


def _walk(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Go through a value depth first, without recursion: place, part, depth."""
    waiting: list[tuple[str, Any, int]] = [("", value, 1)]
    while waiting:
        place, part, depth = waiting.pop()
        yield place, part, depth
        if isinstance(part, Mapping):
            below = [(f"{place}.{key}" if place else str(key), item) for key, item in part.items()]
        elif isinstance(part, list | tuple):
            below = [(f"{place}[{index}]", item) for index, item in enumerate(part)]
        else:
            continue
        waiting += [(where, item, depth + 1) for where, item in reversed(below)]


def _problem(part: Any) -> str | None:
    """Say why one part, its members aside, is no JSON."""
    if isinstance(part, float):
        return None if math.isfinite(part) else f"{part} is no JSON number"
    if isinstance(part, dict):
        odd = next((key for key in part if type(key) is not str), None)
        if odd is not None:
            return f"the key {odd!r} is {_a(type(odd).__name__)}, not a string"
        return next((problem for key in part if (problem := _text_problem(key))), None)
    if isinstance(part, str):
        return _text_problem(part)
    if isinstance(part, int) and not isinstance(part, bool):
        fits = _MIN_INTEGER <= part <= _MAX_INTEGER
        return None if fits else "the integer does not fit into 64 bits; return it as a string"
    if part is None or isinstance(part, bool | list | tuple):
        return None
    return _type_problem(part)


def _text_problem(text: str) -> str | None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"the text has a lone surrogate at character {error.start}"
    return None


def _type_problem(part: Any) -> str | None:
    try:
        orjson.dumps(part)  # dates, UUIDs, enums and dataclasses have a form
    except (TypeError, RecursionError):
        return f"{_a(type(part).__name__)} has no JSON form"
    return None


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
