"""The shape of one output destination, and of the other blocks that only a file can hold.

The kinds that Ratchet ships are checked key by key. A kind that a plugin adds is kept as it is:
its plugin checks it. Rendering and delivering are not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ratchet_core.config.coerce import (
    Check,
    as_any_text,
    as_boolean,
    as_mapping,
    as_text,
    as_text_mapping,
    choice,
    integer,
    number,
    sequence,
    shape,
)
from ratchet_core.config.place import Value, nearest

RUN_STATES: Final = ("completed", "failed", "cancelled")
#: What our own plugins deliver to.
SHIPPED_KINDS: Final = (
    "webhook",
    "filesystem",
    "stdio",
    "rq",
    "redis-stream",
    "rabbitmq",
    "kafka",
)


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    """One place that outputs go to (an item of `output.global_destinations`)."""

    name: str  #: unique among the global destinations
    kind: str  #: `webhook`, `filesystem`, `stdio`, or what a plugin registers; key `type`
    #: the keys below `destination`, `type` left out; may hold secrets, so never shown
    options: Mapping[str, Any] = field(repr=False)
    description: str | None = None  #: for people
    enabled: bool = True  #: whether anything is delivered
    run_states: tuple[str, ...] = ("completed",)  #: ends of a run after which it is delivered


def _permissions(value: Value) -> str:
    text = as_text(value)
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise value.place.refuse(f"expected permissions in octal such as \"644\", got '{text}'")
    return text


def _url(value: Value) -> str:
    text = as_text(value)
    # what a template or a variable will say is known only when it is rendered
    if not re.match(r"https?://|\{\{", text):
        raise value.place.refuse("expected a URL that starts with http:// or https://")
    return text


_AUTH: Final[Mapping[str, Check]] = {
    "none": shape({"type": as_text}),
    "bearer": shape({"type": as_text, "token": as_text}, required=("token",)),
    "basic": shape(
        {"type": as_text, "username": as_text, "password": as_any_text},
        required=("username", "password"),
    ),
    "api_key": shape(
        {"type": as_text, "header": as_text, "value": as_text, "key": as_text},
        required=("header",),
    ),
    "signature": shape(
        {
            "type": as_text,
            "secret": as_text,
            "algorithm": choice(("sha256", "hmac-sha256", "hmac-sha1")),
        },
        required=("secret",),
    ),
}


def _auth(value: Value) -> dict[str, Any]:
    kind = as_mapping(value).get("type")
    if kind is None:
        raise value.place.refuse(f"the key 'type' is missing; one of {', '.join(_AUTH)}")
    checked: dict[str, Any] = _AUTH[choice(tuple(_AUTH))(kind)](value)
    if checked["type"] == "api_key" and "value" not in checked and "key" not in checked:
        raise value.place.refuse("the key 'value' is missing")
    return checked


_RETRY_POLICY: Final = shape(
    {
        "max_attempts": integer(1, 1000),
        "initial_delay_ms": integer(0, 86_400_000),
        "max_delay_ms": integer(0, 86_400_000),
        "backoff_multiplier": number(1, 100),
    },
)
_WEBHOOK: Final = shape(
    {
        "url": _url,
        "method": choice(("POST", "PUT", "PATCH", "GET", "DELETE")),
        "headers": as_text_mapping,
        "timeout_seconds": number(0.1, 3600),
        "content_type": as_text,
        "auth": _auth,
        "retry_policy": _RETRY_POLICY,
        "secret": as_text,
        "signing_secret": as_text,
    },
    required=("url",),
)
_FORMATS: Final = ("json", "json_compact", "yaml", "csv", "raw", "template")
_FILESYSTEM: Final = shape(
    {
        "path": as_text,
        "format": choice(_FORMATS),
        "template": as_text,
        "permissions": _permissions,
        "create_dirs": as_boolean,
        "overwrite": as_boolean,
        "backup_existing": as_boolean,
        "retry_policy": _RETRY_POLICY,
    },
    required=("path",),
)
_STDIO: Final = shape(
    {
        "stream": choice(("stdout", "stderr")),
        "format": choice(_FORMATS),
        "template": as_text,
        "include_metadata": as_boolean,
        "line_buffered": as_boolean,
        "prefix": as_any_text,
    },
)
_OPTIONS: Final[Mapping[str, Check]] = {
    "webhook": _WEBHOOK,
    "filesystem": _FILESYSTEM,
    "stdio": _STDIO,
}
_ITEM_KEYS: Final = ("name", "description", "enabled", "run_states", "destination")


def read_destination(value: Value) -> DestinationSettings:
    """Check one item of `output.global_destinations`.

    Source: seed 000, "Sending Webhooks".
    """
    content = as_mapping(value)
    for key, item in content.items():
        if key not in _ITEM_KEYS:
            hint = nearest(key, _ITEM_KEYS) or f"; known are {', '.join(_ITEM_KEYS)}"
            raise item.place.refuse(f"unknown key{hint}")
    for key in ("name", "destination"):
        if key not in content or content[key].content is None:
            raise value.place.refuse(f"the key '{key}' is missing")
    given = {key: item for key, item in content.items() if item.content is not None}
    kind, options = _read_options(given["destination"])
    return DestinationSettings(
        name=as_text(given["name"]),
        kind=kind,
        options=MappingProxyType(options),
        description=as_any_text(given["description"]) if "description" in given else None,
        enabled=as_boolean(given["enabled"]) if "enabled" in given else True,
        run_states=_read_run_states(given.get("run_states")),
    )


def _read_run_states(value: Value | None) -> tuple[str, ...]:
    if value is None:
        return ("completed",)
    states: tuple[str, ...] = sequence(choice(RUN_STATES))(value)
    if not states:
        raise value.place.refuse(f"expected at least one of {', '.join(RUN_STATES)}")
    return states


def _read_options(value: Value) -> tuple[str, dict[str, Any]]:
    content = as_mapping(value)
    kind_value = content.get("type")
    if kind_value is None:
        raise value.place.refuse(f"the key 'type' is missing; such as {', '.join(SHIPPED_KINDS)}")
    kind = as_text(kind_value)
    options = Value({k: v for k, v in content.items() if k != "type"}, value.place)
    check = _OPTIONS.get(kind)
    if check is None:
        return kind, options.plain()
    checked: dict[str, Any] = check(options)
    return kind, checked
