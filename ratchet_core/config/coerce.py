"""Checks that turn a value of the file or of the environment into a typed one.

Each takes the value with its place and either returns what the settings hold or refuses, naming
what was expected and what was got. Values that came from the environment are read from their text
and are never echoed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from ratchet_core.config.place import Value, nearest
from ratchet_core.errors import ConfigurationError
from ratchet_core.redaction import Secret, is_secret_name

T = TypeVar("T")
Check = Callable[[Value], Any]

MAX_ECHO: Final = 60
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}\Z", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\Z", re.ASCII)
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


def expected(what: str, value: Value, advice: str = "") -> ConfigurationError:
    """Make the error that says what was expected and what was got."""
    return value.place.refuse(f"expected {what}, got {describe_got(value)}{advice}")


def describe_got(value: Value) -> str:
    """Name the type of a value, and the value itself where it may be shown."""
    content = value.content
    if isinstance(content, dict):
        return "a mapping"
    if isinstance(content, list):
        return "a list"
    if content is None:
        return "nothing"
    last = value.place.key.rsplit(".", maxsplit=1)[-1]
    kind = {str: "the text", bool: "the boolean", int: "the integer", float: "the number"}
    name = kind[type(content)]
    if value.is_hidden or is_secret_name(last):
        return f"{name.replace('the', 'a', 1)} (not shown)".replace("a integer", "an integer")
    shown = str(content).lower() if isinstance(content, bool) else str(content)
    shown = shown if len(shown) <= MAX_ECHO else f"{shown[:MAX_ECHO]}…"
    return f"{name} {shown!r}" if isinstance(content, str) else f"{name} {shown}"


def as_text(value: Value) -> str:
    """Return a text that is not empty."""
    if not isinstance(value.content, str):
        scalar = isinstance(value.content, bool | int | float)
        raise expected("a text", value, ": put it in quotes" if scalar else "")
    if not value.content.strip():
        raise value.place.refuse("expected a text, got an empty one")
    return value.content


def as_any_text(value: Value) -> str:
    """Return a text, which may be empty."""
    return "" if value.content == "" else as_text(value)


def as_secret(value: Value) -> Secret:
    """Return a text that is not shown from here on."""
    return Secret(as_text(value))


def as_path(value: Value) -> Path:
    """Return a path; `~` is not expanded, since no environment is known here."""
    return Path(as_text(value))


def as_boolean(value: Value) -> bool:
    """Return a boolean; from the environment also 1 and 0."""
    content = value.content
    if isinstance(content, bool):
        return content
    if value.is_untyped and isinstance(content, str):
        if content.strip().lower() in _TRUE:
            return True
        if content.strip().lower() in _FALSE:
            return False
    raise expected("true or false", value)


def integer(low: float | None = None, high: float | None = None, scale: float = 1) -> Check:
    """Return a check for an integer within a range, multiplied with `scale`."""

    def check(value: Value) -> int:
        content = value.content
        if value.is_untyped and isinstance(content, str) and _INTEGER.match(content.strip()):
            content = int(content)
        if isinstance(content, bool) or not isinstance(content, int):
            raise expected("an integer", value)
        _check_range(content, low, high, value)
        return int(content * scale)

    return check


def number(low: float | None = None, high: float | None = None, scale: float = 1) -> Check:
    """Return a check for a finite number within a range, multiplied with `scale`."""

    def check(value: Value) -> float:
        content = value.content
        if value.is_untyped and isinstance(content, str) and _NUMBER.match(content.strip()):
            content = float(content)
        if isinstance(content, bool) or not isinstance(content, int | float):
            raise expected("a number", value)
        if isinstance(content, float) and not math.isfinite(content):
            raise expected("a finite number", value)
        _check_range(content, low, high, value)
        return float(content * scale)

    return check


def _check_range(content: float, low: float | None, high: float | None, value: Value) -> None:
    too_low = low is not None and content < low
    if not too_low and (high is None or content <= high):
        if abs(content) < 1e18:  # noqa: PLR2004 - beyond what any column or clock can hold
            return
        raise expected("a number below 10^18", value)
    if low is not None and high is not None:
        raise expected(f"a value from {low:g} to {high:g}", value)
    bound = f"at least {low:g}" if too_low else f"at most {high:g}"
    raise expected(f"a value of {bound}", value)


def choice(options: Sequence[str]) -> Check:
    """Return a check for one of a few words; upper and lower case are the same."""

    def check(value: Value) -> str:
        text = as_text(value).strip()
        for option in options:
            if text.lower() == option.lower():
                return option
        listed = ", ".join(options)
        hint = "" if value.is_hidden else nearest(text.lower(), options)
        raise expected(f"one of {listed}", value, hint)

    return check


def sequence(check_item: Callable[[Value], T], separator: str = ",") -> Check:
    """Return a check for a list; from the environment a text with a separator."""

    def check(value: Value) -> tuple[T, ...]:
        content = value.content
        if value.is_untyped and isinstance(content, str):
            parts = (part.strip() for part in content.split(separator))
            return tuple(check_item(replace(value, content=p)) for p in parts if p)
        if not isinstance(content, list):
            raise expected("a list", value)
        return tuple(check_item(item) for item in content)

    return check


def as_mapping(value: Value) -> Mapping[str, Value]:
    """Return the values of a mapping by key; nothing counts as an empty one."""
    if value.content is None:
        return {}
    if not isinstance(value.content, dict):
        raise expected("a mapping", value)
    return value.content


def as_text_mapping(value: Value) -> dict[str, str]:
    """Return a mapping of texts, such as headers."""
    return {key: as_any_text(item) for key, item in as_mapping(value).items()}


def shape(checks: Mapping[str, Check], required: Iterable[str] = ()) -> Check:
    """Return a check for a mapping with known keys; keys without a value are left out."""

    def check(value: Value) -> dict[str, Any]:
        content = as_mapping(value)
        for key, item in content.items():
            if key not in checks:
                known = ", ".join(checks)
                hint = nearest(key, checks) or f"; known are {known}"
                raise item.place.refuse(f"unknown key{hint}")
        found = {k: checks[k](v) for k, v in content.items() if v.content is not None}
        for key in required:
            if key not in found:
                raise value.place.refuse(f"the key '{key}' is missing")
        return found

    return check
