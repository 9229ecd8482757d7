"""Options that only these destinations and sources have: what is wrong with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}", re.ASCII)


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
