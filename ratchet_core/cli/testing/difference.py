"""What is different between two JSON values, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ratchet_core.cli.output import to_json

#: Longest value that a line shows whole.
_LONGEST: Final = 200


def differences(expected: Any, actual: Any, place: str = "") -> Iterator[str]:
    """Yield a line for each place at which `actual` is not what was expected.

    Numbers are equal by value (1 and 1.0), as JavaScript sees them; true is no number.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        yield from _of_objects(expected, actual, place)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _of_lists(expected, actual, place)
    elif not is_equal(expected, actual):
        yield f"{place or 'result'}: expected {short(expected)}, got {short(actual)}"


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same, deeply."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def short(value: Any) -> str:
    """Return a value as JSON, cut where it is long."""
    text = to_json(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _of_objects(expected: dict[str, Any], actual: dict[str, Any], place: str) -> Iterator[str]:
    for key, value in expected.items():
        here = f"{place}.{key}" if place else key
        if key in actual:
            yield from differences(value, actual[key], here)
        else:
            yield f"{here}: expected {short(value)}, got nothing"
    for key in actual.keys() - expected.keys():
        here = f"{place}.{key}" if place else key
        yield f"{here}: unexpected {short(actual[key])}"


def _of_lists(expected: list[Any], actual: list[Any], place: str) -> Iterator[str]:
    for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
        yield from differences(one, other, f"{place}[{index}]")
    if len(expected) != len(actual):
        yield f"{place or 'result'}: expected {len(expected)} items, got {len(actual)}"
