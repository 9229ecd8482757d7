"""Options that only these destinations and sources have: what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_SCHEMES: Final = ("amqp://", "amqps://")
#: Longest name of a queue, an exchange, a header and a routing key, in bytes of UTF-8.
MOST_BYTES: Final = 255


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


def scalars(value: Any) -> str | None:
    """Return what is wrong with an object of plain values, such as headers."""
    fits = isinstance(value, Mapping) and all(
        isinstance(key, str) and 0 < len(key.encode()) <= MOST_BYTES and isinstance(item, str | int)
        for key, item in value.items()
    )
    return None if fits else "must be an object of texts, integers, true and false"
