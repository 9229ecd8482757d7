"""Making the subscribers of events: plugins with the hook, and classes that the settings name."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence

from ratchet_core.config.events import SubscriptionSettings
from ratchet_core.errors import ConfigurationError
from ratchet_core.hooks import Hooks, PluginState
from ratchet_core.hooks.calls import Implementation, Listener
from ratchet_core.sdk.subscriber import EventSubscriber

_log = logging.getLogger(__name__)


def has_listeners(hooks: Hooks, subscriptions: Sequence[SubscriptionSettings]) -> bool:
    """Tell whether anybody is to be told of events; without, no publisher is needed."""
    return bool(hooks.calls.event_listeners()) or any(item.enabled for item in subscriptions)


def listeners(hooks: Hooks, subscriptions: Sequence[SubscriptionSettings]) -> list[Listener]:
    """Return who is told of events; a class that cannot be made is logged and left out."""
    found = hooks.calls.event_listeners()
    for item in subscriptions:
        if not item.enabled:
            continue
        try:
            found.append(_listener(item, hooks.call_budget_s))
        except Exception as error:  # noqa: BLE001 - one broken subscriber costs the others nothing
            _log.error(
                "events.subscriptions: '%s' is left out: %s: %s",
                item.name,
                type(error).__name__,
                error,
            )
    return found


def _listener(item: SubscriptionSettings, budget_s: float) -> Listener:
    module, _, name = item.subscriber.rpartition(".")
    if not module:
        raise ConfigurationError(f"class: '{item.subscriber}' is no dotted path")
    kind = getattr(importlib.import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, EventSubscriber)):
        raise ConfigurationError(f"class: '{item.subscriber}' is no EventSubscriber of the sdk")
    state = PluginState(name=f"subscription {item.name}")
    one = Implementation(state, "handle", kind(item.config).handle, budget_s)
    return Listener(f"subscription {item.name}", one, item.events)
