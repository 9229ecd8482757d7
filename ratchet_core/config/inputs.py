"""Settings of inputs: which sources make runs of messages and webhooks.

What is below `options` the source's plugin checks; running sources is `ingest`'s affair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from ratchet_core.config.coerce import (
    as_any_text,
    as_boolean,
    as_mapping,
    as_secret,
    as_text,
    choice,
    integer,
    shape,
)
from ratchet_core.config.place import Value
from ratchet_core.config.setting import setting
from ratchet_core.redaction import Secret

#: The type of sources that are called over HTTP; all others fetch.
WEBHOOK: Final = "webhook"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSourceSettings:
    """One source of runs (an item of `input.sources`)."""

    name: str  #: unique; what `/webhooks/{source}`, logs and health call it
    type: str  #: `webhook`, or what a plugin registers, such as `redis-stream`
    workflow: str  #: `name` or `namespace.name`, either with `@version`
    verify: str | None = None  #: of a webhook: how requests are verified, such as `github`
    description: str | None = None  #: for people
    enabled: bool = True  #: whether anything is taken
    #: when a message is done with: once its run is stored, or once that run has completed
    ack: Literal["stored", "result"] = "stored"
    #: with `ack: result`: how often a message whose run failed comes again, each time as a new run
    requeue: int = 0
    #: put beside `webhook` in the input when an attempt starts; never stored
    webhook_secret: Secret | None = field(default=None, repr=False)
    #: the source's own keys; may hold secrets, so never shown
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def is_webhook(self) -> bool:
        """Whether it is called, and does not fetch."""
        return self.type == WEBHOOK

    @property
    def kind(self) -> str:
        """The name under which a plugin offers what takes its messages."""
        return self.verify if self.is_webhook and self.verify is not None else self.type


@dataclass(frozen=True, slots=True)
class InputSettings:
    """Sources that make runs of messages and webhooks."""

    sources: tuple[InputSourceSettings, ...] = setting(
        "Where messages and webhooks come from; see the section on input sources.",
        "input.sources",
        default=(),
        in_environment=False,
    )
    max_waiting_steps: int = setting(
        "Sources fetch no more while so many steps wait to be claimed in the queue that their runs"
        " go to; webhooks are still taken.",
        "input.max_waiting_steps",
        default=10_000,
        at_least=1,
        at_most=10_000_000,
    )


_SOURCE: Final = shape(
    {
        "name": as_text,
        "type": as_text,
        "workflow": as_text,
        "verify": as_text,
        "description": as_any_text,
        "enabled": as_boolean,
        "ack": choice(("stored", "result")),
        "requeue": integer(0, 1000),
        "webhook_secret": as_secret,
        "options": as_mapping,
    },
    required=("name", "type", "workflow"),
)


def read_input_source(value: Value) -> InputSourceSettings:
    """Check one item of `input.sources`.

    Source: decisions.md section 11.
    """
    found = _SOURCE(value)
    given = as_mapping(value)
    if not _NAME.fullmatch(found["name"]):
        rule = "expected 1 to 64 letters, digits, '-' and '_', the first a letter or a digit"
        raise given["name"].place.refuse(rule)
    is_webhook = found["type"] == WEBHOOK
    if is_webhook and "verify" not in found:
        raise value.place.refuse("the key 'verify' is missing; such as standard, github, hmac")
    for key in ("ack", "requeue") if is_webhook else ("verify", "webhook_secret"):
        if key in found:
            which = "only sources that fetch" if is_webhook else "only `type: webhook`"
            raise given[key].place.refuse(f"{which} can have it")
    if found.get("requeue") and found.get("ack") != "result":
        raise given["requeue"].place.refuse("has a meaning only with `ack: result`")
    options = {key: item.plain() for key, item in found.pop("options", {}).items()}
    return InputSourceSettings(**found, options=MappingProxyType(options))
