"""Subscribers that configuration names: classes that are told of some events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ratchet_core.domain.catalogue import Event


class EventSubscriber(ABC):
    """Is told of the events that its subscription in `events.subscriptions` lists.

    As with `ratchet_on_event`: in the publisher process that `ratchet worker` keeps, on a thread
    of its own, in the journal's order, after the commit, at least once. What must succeed belongs
    into a step, not here.

    Args:
        config: `config` of the subscription. A constructor that raises leaves the subscription
            out, with the reason in the log.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    @abstractmethod
    def handle(self, event: Event) -> None:
        """Act on one event.

        Raises:
            Exception: logged and counted; the event does not come again.
        """
