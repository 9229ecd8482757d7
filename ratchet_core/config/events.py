"""Settings of events: who is told of which. Telling them is `worker.publisher`'s affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ratchet_core.config.coerce import as_boolean, as_mapping, as_text, sequence, shape
from ratchet_core.config.place import Value
from ratchet_core.config.setting import setting


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """One subscriber (an item of `events.subscriptions`)."""

    name: str  #: unique; its place in the journal is stored under it
    subscriber: str  #: dotted path of an `EventSubscriber`; key `class`
    events: tuple[str, ...] = ("*",)  #: names, beginnings such as `run.*`, or `*`
    enabled: bool = True  #: whether it is told
    #: handed to the class; may hold secrets, so never shown
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Who is told of events."""

    subscriptions: tuple[SubscriptionSettings, ...] = setting(
        "Classes that are told of events; see the reference of events.",
        "events.subscriptions",
        default=(),
        in_environment=False,
    )


_SUBSCRIPTION: Final = shape(
    {
        "name": as_text,
        "class": as_text,
        "events": sequence(as_text),
        "enabled": as_boolean,
        "config": as_mapping,
    },
    required=("name", "class"),
)


def read_subscription(value: Value) -> SubscriptionSettings:
    """Check one item of `events.subscriptions`."""
    found = _SUBSCRIPTION(value)
    config = {key: item.plain() for key, item in found.get("config", {}).items()}
    return SubscriptionSettings(
        name=found["name"],
        subscriber=found["class"],
        events=tuple(found.get("events", ("*",))),
        enabled=found.get("enabled", True),
        config=MappingProxyType(config),
    )
