"""The options of destinations and sources: what is wrong with them. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

_SCHEMES: Final = ("amqp://", "amqps://")
#: Longest name of a queue, an exchange, a header and a routing key, in bytes of UTF-8.
MOST_BYTES: Final = 255
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


def name(value: Any) -> str | None:
    """Return what is wrong with the name of a queue or an exchange."""
    fits = isinstance(value, str) and 0 < len(value.encode("utf-8", "replace")) <= MOST_BYTES
    return None if fits else f"must be a text of 1 to {MOST_BYTES} bytes"


def url(value: Any) -> str | None:
    """Return what is wrong with the URL of a broker; never shows it, it may hold a password."""
    if not isinstance(value, str) or not value.startswith(_SCHEMES):
        return f"must start with {', '.join(_SCHEMES)}"
    try:
        parts = urlsplit(value)
        has_host, has_odd_port = bool(parts.hostname), parts.port == 0
    except ValueError:
        has_host, has_odd_port = False, True
    if not has_host or has_odd_port:
        return "must name a host and may name a port, as in amqp://user:password@host:5672/vhost"
    if parts.query or parts.fragment:
        return "takes no '?' and no '#'; in user and password write them as %3F and %23"
    if parts.username is not None and parts.password is None:
        return "must name the password of its user, as in amqp://user:password@host"
    if parts.path.count("/") > 1:
        return "must name one virtual host; write a '/' in its name as %2F"
    return None


def anything(_value: Any) -> None:
    """Leave a key to the core, which has checked it."""


def integer(low: int, high: int) -> Check:
    """Return a check for an integer within a range."""

    def check(value: Any) -> str | None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        fits = is_integer and low <= value <= high
        return None if fits else f"must be an integer from {low} to {high}"

    return check


def boolean(value: Any) -> str | None:
    """Return what is wrong with a flag."""
    return None if isinstance(value, bool) else "must be true or false"


def one_of(allowed: Sequence[str]) -> Check:
    """Return a check for one of a few texts."""
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def scalars(value: Any) -> str | None:
    """Return what is wrong with an object of plain values, such as headers."""
    fits = isinstance(value, Mapping) and all(
        isinstance(key, str) and 0 < len(key.encode()) <= MOST_BYTES and isinstance(item, str | int)
        for key, item in value.items()
    )
    return None if fits else "must be an object of texts, integers, true and false"
