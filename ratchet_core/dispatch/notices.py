"""Notices: tells those who follow the journal that it has grown, so that they need not poll.

Who waits for outputs to deliver hears of the ends of runs alone: steps between end far more often,
and each notice wakes a process. A notice is a hint. It carries nothing, may be lost or come for
nothing, and never raises: without Redis a follower looks into the database by itself, a few times a
second. Publishing happens on a thread of its own, many notices at a time, so that no commit waits
for Redis.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from ratchet_core.dispatch.connection import LONGEST_BLOCK_S, RedisConnection

#: Channel on which all growth of the journal is told.
JOURNAL: Final = "ratchet:journal"
#: Channel on which only that is told after which there may be something to deliver.
ENDS: Final = "ratchet:ends"
#: Shortest time between two notices of one process; what happens in between shares one.
_SPACING_S: Final = 0.005
#: The same while nobody listens.
_UNHEARD_SPACING_S: Final = 0.05


class Notices:
    """Publishes notices and listens for them; safe to carry through a fork.

    Args:
        connection: to Redis, which may be absent.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._process: int | None = None
        self._starting = threading.Lock()
        self._wanted = threading.Event()
        self._has_ends = False

    def notify(self, *, ended: bool = True) -> None:
        """Tell that the journal has grown; returns at once and never raises.

        Args:
            ended: there may be something to deliver now. False: runs were made or went on.
        """
        if self._connection.is_resting:
            return
        if self._process != os.getpid():
            self._start()
        if ended:
            self._has_ends = True
        if not self._wanted.is_set():
            self._wanted.set()

    def listener(self, channel: str = JOURNAL) -> Listener:
        """Return somebody who waits for notices of a channel, for one thread."""
        return Listener(self._connection, channel)

    def _start(self) -> None:
        if self._starting.acquire(blocking=False):
            try:
                if self._process == os.getpid():
                    return
                self._wanted = threading.Event()  # a parent's may be locked for ever
                thread = threading.Thread(
                    target=self._publish, args=(self._wanted,), name="ratchet-notices", daemon=True
                )
                thread.start()
                self._process = os.getpid()
            finally:
                self._starting.release()

    def _publish(self, wanted: threading.Event) -> None:
        while wanted.wait():
            wanted.clear()
            heard = self._connection.ask(lambda client: client.publish(JOURNAL, b""), 0)
            if self._has_ends:
                self._has_ends = False
                self._connection.ask(lambda client: client.publish(ENDS, b""), 0)
            time.sleep(_SPACING_S if heard else _UNHEARD_SPACING_S)


class Listener:
    """Waits for notices of one channel, over a connection of its own."""

    def __init__(self, connection: RedisConnection, channel: str) -> None:
        self._connection = connection
        self._name = channel
        self._channel: Any = None

    def wait(self, timeout_s: float) -> bool | None:
        """Wait for a notice.

        Returns:
            True after a notice, False when time is up, None at once where Redis does not answer.
        """
        if self._connection.is_resting:
            self.close()
            return None
        timeout_s = min(timeout_s, LONGEST_BLOCK_S)
        heard = self._connection.ask_blocking(lambda client: self._take(client, timeout_s), None)
        if heard is None:
            self.close()
        return heard

    def close(self) -> None:
        """Give the connection back."""
        channel, self._channel = self._channel, None
        if channel is not None:
            try:
                channel.close()
            except (RedisError, OSError):
                return  # it is gone already

    def _take(self, client: Redis, timeout_s: float) -> bool:
        if self._channel is None:
            subscribe: Callable[..., Any] = client.pubsub
            self._channel = subscribe(ignore_subscribe_messages=True)
            self._channel.subscribe(self._name)
            return True  # what was told before we listened may have been missed
        message = self._channel.get_message(timeout=timeout_s)
        while message is not None and self._channel.get_message(timeout=0) is not None:
            pass  # one look answers all of them
        return message is not None
