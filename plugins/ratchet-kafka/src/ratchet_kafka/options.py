"""The options of destinations and sources: what is wrong with them. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

#: What is wrong with one value; None where nothing is.
Check = Callable[[Any], str | None]

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}", re.ASCII)


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
            found.append(f"{key}{problem if problem.startswith('.') else f': {problem}'}")
    return found + [f"{key}: is missing" for key in required if options.get(key) is None]


def text(value: Any) -> str | None:
    """Return what is wrong with a text."""
    return None if isinstance(value, str) and value.strip() else "must be a text"


def servers(value: Any) -> str | None:
    """Return what is wrong with the addresses of brokers."""
    rule = "must be host:port, or several with commas between"
    if not isinstance(value, str):
        return rule
    fits = all(_SERVER.fullmatch(one.strip()) for one in value.split(","))
    return None if fits else rule


def is_topic(name: str) -> bool:
    """Tell whether a topic may be called so."""
    return _TOPIC.fullmatch(name) is not None and name not in {".", ".."}


def topic(value: Any) -> str | None:
    """Return what is wrong with the name of a topic."""
    fits = isinstance(value, str) and is_topic(value)
    return None if fits else "must be 1 to 249 letters, digits, '.', '_' and '-'"


def topic_template(value: Any) -> str | None:
    """Return what is wrong with the name of a topic that may hold templates."""
    return None if isinstance(value, str) and "{{" in value else topic(value)


def topics(value: Any) -> str | None:
    """Return what is wrong with a list of topics."""
    if not isinstance(value, list | tuple) or not value:
        return "must be a list of topics"
    wrong = [problem for one in value if (problem := topic(one))]
    return f"each {wrong[0]}" if wrong else None


def headers(value: Any) -> str | None:
    """Return what is wrong with the headers of messages."""
    if not isinstance(value, Mapping):
        return "must be an object of texts"
    for key, item in value.items():
        if not isinstance(key, str) or not key.strip():
            return "must have texts as its keys"
        if not isinstance(item, str):
            return f".{key}: must be a text"
    return None


def anything(_value: Any) -> None:
    """Leave a key to the core, which has checked it."""


def choice(*known: str) -> Check:
    """Return a check for one of some texts."""

    def check(value: Any) -> str | None:
        return None if value in known else f"must be one of {', '.join(known)}"

    return check


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
