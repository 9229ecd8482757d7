"""The options of destinations and sources: what is wrong with them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_SCHEMES: Final = ("redis://", "rediss://", "unix://")
#: What is wrong with one value; None where nothing is.
Check = Callable[[Any], str | None]


def problems(
    options: Mapping[str, Any], checks: Mapping[str, Check], required: Iterable[str]
) -> list[str]:
    """Return what is wrong with options, one sentence each, beginning with the key.

    Args:
        options: as configured.
        checks: of every key that there is.
        required: keys that have to be there.
    """
    found = []
    for key, value in options.items():
        if key not in checks:
            near = difflib.get_close_matches(key, checks, n=1, cutoff=0.6)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(checks)}"
            found.append(f"{key}: unknown key; {hint}")
        elif problem := checks[key](value):
            found.append(f"{key}: {problem}")
    return found + [f"{key}: is missing" for key in required if options.get(key) is None]


def text(value: Any) -> str | None:
    """Return what is wrong with a text."""
    return None if isinstance(value, str) and value.strip() else "must be a text"


def url(value: Any) -> str | None:
    """Return what is wrong with the URL of a server."""
    is_url = isinstance(value, str) and value.startswith(_SCHEMES)
    return None if is_url else f"must start with {', '.join(_SCHEMES)}"


def anything(_value: Any) -> None:
    """Leave a key to the core, which has checked it."""


def integer(low: int, high: int) -> Check:
    """Return a check for an integer within a range."""

    def check(value: Any) -> str | None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        fits = is_integer and low <= value <= high
        return None if fits else f"must be an integer from {low} to {high}"

    return check


def number(low: float, high: float) -> Check:
    """Return a check for a number within a range."""

    def check(value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = is_number and low <= value <= high
        return None if fits else f"must be a number from {low:g} to {high:g}"

    return check
