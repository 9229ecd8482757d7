"""A consumer of one queue, for as long as its connection lives.

Messages wait in memory, at most `prefetch` of them, for whoever takes them; the connection's own
thread answers heartbeats meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection
from typing import Any

from pika.connection import Parameters

from ratchet_rabbitmq.broker import Declaration
from ratchet_rabbitmq.incoming import Incoming
from ratchet_rabbitmq.link import Link, reason_of


class Lost(Exception):
    """The consumer gets nothing any more; the broker delivers what is not acknowledged again."""


class Consumer:
    """Consumes from the moment it is made.

    Args:
        parameters: how to connect.
        queue_name: the queue.
        tag: by which the broker's own tools show it.
        prefetch: most messages that are not acknowledged.
        needs: is declared first.
    """

    def __init__(
        self,
        parameters: Parameters,
        queue_name: str,
        *,
        tag: str,
        prefetch: int,
        needs: tuple[Declaration, ...] = (),
    ) -> None:
        self._queue_name = queue_name
        self._tag = tag
        self._prefetch = prefetch
        self._needs = needs
        self._channel: Any = None
        self._unsettled: dict[int, None] = {}  # tags in their order; on the link's thread
        self._arrived: queue.SimpleQueue[Incoming | None] = queue.SimpleQueue()
        self._is_consuming = threading.Event()
        self._lost: str | None = None
        self._link = Link(parameters, self._opened, self._gone)

    @property
    def is_consuming(self) -> bool:
        """Whether the broker has said that messages will come."""
        return self._is_consuming.is_set() and self._lost is None

    def take(self, most: int, timeout_s: float) -> list[Incoming]:
        """Return what has come, up to `most`; wait for the first for `timeout_s`.

        Raises:
            Lost: nothing will come any more; what came is forgotten, it comes again.
        """
        found: list[Incoming] = []
        try:
            while len(found) < most:
                item = self._arrived.get(block=not found, timeout=timeout_s)
                if item is None:
                    break
                found.append(item)
        except queue.Empty:
            pass
        if self._lost is not None:
            raise Lost(self._lost)
        return found

    def acknowledge(self, tags: Collection[int]) -> None:
        """Say that messages are done with; where the connection is gone they come again."""
        if tags:
            done = frozenset(tags)
            self._link.call(lambda: self._acknowledge(done))

    def reject(self, tags: Collection[int]) -> None:
        """Hand messages to the queue's own dead-letter exchange; without one they are dropped."""
        if tags:
            self._link.call(lambda: self._reject(tags))

    def close(self) -> None:
        """Send what waits to be sent and close; what is not acknowledged goes back."""
        self._link.close()

    def _opened(self, connection: Any) -> None:
        self._channel = connection.channel(on_open_callback=self._consume)
        self._channel.add_on_close_callback(lambda _, error: self._link.shut(reason_of(error)))

    def _consume(self, channel: Any) -> None:
        channel.basic_qos(prefetch_count=self._prefetch)
        for needed in self._needs:
            needed.declare(channel, lambda _: None)
        channel.add_on_cancel_callback(
            lambda _: self._link.shut(f"RabbitMQ says: the queue '{self._queue_name}' is gone")
        )
        channel.basic_consume(
            self._queue_name,
            self._deliver,
            consumer_tag=self._tag,
            callback=lambda _: self._is_consuming.set(),
        )

    def _deliver(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._unsettled[method.delivery_tag] = None
        self._arrived.put(
            Incoming(
                method.delivery_tag,
                method.exchange,
                method.routing_key,
                method.redelivered,
                properties,
                body,
            )
        )

    def _acknowledge(self, done: frozenset[int]) -> None:
        """Acknowledge all up to the first that is open at once, and the others one by one."""
        if not self._channel.is_open:
            return
        last = 0
        for tag in self._unsettled:
            if tag not in done:
                break
            last = tag
        if last:
            self._channel.basic_ack(last, multiple=True)
        for tag in done:
            if tag > last:
                self._channel.basic_ack(tag)
            self._unsettled.pop(tag, None)

    def _reject(self, tags: Collection[int]) -> None:
        if not self._channel.is_open:
            return
        for tag in tags:
            self._channel.basic_reject(tag, requeue=False)
            self._unsettled.pop(tag, None)

    def _gone(self, reason: str) -> None:
        self._lost = reason
        self._arrived.put(None)
