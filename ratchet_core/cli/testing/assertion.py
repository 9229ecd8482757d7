"""The assertions of a test case: a place in the result, an operator, a value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ratchet_core.cli.testing.difference import is_equal, short
from ratchet_core.registry.found import Assertion

_PART: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NOTHING: Final = object()


def failure_of(assertion: Assertion, result: Any) -> str | None:
    """Return why the assertion does not hold, or None where it does."""
    value = value_at(result, assertion.path)
    if _OPERATORS[assertion.operator](value, assertion.expected):
        return None
    got = "nothing" if value is _NOTHING else short(value)
    needs_value = assertion.operator not in {"exists", "not_exists"}
    wanted = f" {short(assertion.expected)}" if needs_value else ""
    return f"{assertion.path or 'result'} {assertion.operator}{wanted}: got {got}"


def value_at(result: Any, path: str) -> Any:
    """Return what is at a dotted path such as `items[0].name`; a marker where there is nothing."""
    value = result
    for name, index in _PART.findall(path.removeprefix("$").lstrip(".")):
        try:
            value = value[int(index or name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return _NOTHING
    return value


def _contains(value: Any, expected: Any) -> bool:
    if isinstance(value, str):
        return isinstance(expected, str) and expected in value
    if isinstance(value, list):
        return any(is_equal(item, expected) for item in value)
    return isinstance(value, dict) and expected in value


def _compares(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, expected: Any) -> bool:
        try:
            return bool(compare(value, expected))
        except TypeError:
            return False

    return holds


def _matches(value: Any, expected: Any) -> bool:
    return isinstance(value, str) and re.search(str(expected), value) is not None


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": is_equal,
    "not_equals": lambda value, expected: not is_equal(value, expected),
    "contains": _contains,
    "not_contains": lambda value, expected: not _contains(value, expected),
    "exists": lambda value, _: value is not _NOTHING,
    "not_exists": lambda value, _: value is _NOTHING,
    "greater_than": _compares(operator.gt),
    "less_than": _compares(operator.lt),
    "matches": _matches,
}
