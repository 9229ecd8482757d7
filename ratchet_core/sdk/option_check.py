"""Checks of the options that somebody configures for a plugin: what is wrong with them. Pure.

    from ratchet_core.sdk import option_check

    _CHECKS = {"type": option_check.anything, "queue": option_check.text}

    def check(self, options):
        return option_check.problems(options, _CHECKS, required=("queue",))

No check shows the value that it refuses: it may be a secret under the wrong key.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

#: What is wrong with one value; None where nothing is. `.key: …` names a place inside of it.
Check = Callable[[Any], str | None]


def problems(
    options: Mapping[str, Any], checks: Mapping[str, Check], required: Iterable[str] = ()
) -> list[str]:
    """Return what is wrong with options, one sentence each, beginning with the key.

    Args:
        options: as configured.
        checks: of every key that there is; another key is a problem.
        required: keys that have to be there, and not null.
    """
    found = []
    for key, value in options.items():
        if key not in checks:
            found.append(unknown_key(key, checks))
        elif problem := checks[key](value):
            found.append(f"{key}{problem if problem.startswith('.') else f': {problem}'}")
    return found + [f"{key}: is missing" for key in required if options.get(key) is None]


def unknown_key(key: str, known: Collection[str]) -> str:
    """Return what is wrong with a key that there is not, naming the nearest one that there is."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
    return f"{key}: unknown key; {hint}"


def anything(_value: Any) -> None:
    """Leave a key to the core, which has checked it."""


def text(value: Any) -> str | None:
    """Return what is wrong with a text: it has to have a visible character."""
    return None if isinstance(value, str) and value.strip() else "must be a text"


def boolean(value: Any) -> str | None:
    """Return what is wrong with a flag."""
    return None if isinstance(value, bool) else "must be true or false"


def choice(*known: str) -> Check:
    """Return a check for one of some texts."""

    def check(value: Any) -> str | None:
        return None if value in known else f"must be one of {', '.join(known)}"

    return check


def integer(low: int, high: int) -> Check:
    """Return a check for an integer from `low` to `high`; true and false are none."""

    def check(value: Any) -> str | None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        fits = is_integer and low <= value <= high
        return None if fits else f"must be an integer from {low} to {high}"

    return check


def number(low: float, high: float) -> Check:
    """Return a check for a number from `low` to `high`; true, false and NaN are none."""

    def check(value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = is_number and low <= value <= high
        return None if fits else f"must be a number from {low:g} to {high:g}"

    return check
