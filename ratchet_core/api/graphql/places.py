"""Places for subscriptions, as many as the server has threads for.

Taking a place never blocks, so no other call waits for a subscription to end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ratchet_core.api.graphql.problem import TooManySubscriptions


class Places:
    """A number of places.

    Args:
        limit: how many there are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free = threading.Semaphore(limit) if limit else None

    def take(self) -> None:
        """Take a place.

        Raises:
            TooManySubscriptions: none is free.
        """
        if self._free is None or not self._free.acquire(blocking=False):
            raise TooManySubscriptions(self.limit)

    def give_back(self) -> None:
        """Free a place that was taken."""
        if self._free is not None:
            self._free.release()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place for the time of the block."""
        self.take()
        try:
            yield
        finally:
            self.give_back()
