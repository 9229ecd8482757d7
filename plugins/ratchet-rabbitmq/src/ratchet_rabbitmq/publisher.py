"""Messages go out and are known to have arrived: publisher confirms, and messages that come back.

A publisher keeps one connection, which is opened when it is first needed and again after a loss.
"""

from __future__ import annotations

import threading
from typing import Any

from pika.connection import Parameters

from ratchet_rabbitmq.broker import Declaration
from ratchet_rabbitmq.lane import Lane
from ratchet_rabbitmq.link import Link
from ratchet_rabbitmq.sending import Message, NotPublished, Sending


class Publisher:
    """Publishes to one broker; safe to use from several threads.

    Args:
        parameters: how to connect.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def publish(self, message: Message, timeout_s: float) -> None:
        """Publish and wait until the broker has the message for good.

        Raises:
            NotPublished: it does not, or did not say so in time.
        """
        message.check()
        sending = Sending(message)
        with self._lock:
            if self._session is None or self._session.lost:
                self._session = _Session(self._parameters)
            session = self._session
        session.send(sending)
        try:
            problem = sending.answer.result(timeout_s)
        except TimeoutError:
            sending.answer.cancel()
            raise NotPublished("RABBITMQ_NOT_CONFIRMED", session.silence(timeout_s)) from None
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Close the connection; what has not been confirmed is not published."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


class _Session:
    """One connection of a publisher, with a lane for each exchange and declaration."""

    def __init__(self, parameters: Parameters) -> None:
        self.lost = ""  #: why there is no connection any more
        self._blocked = ""  #: why the broker takes nothing, such as a full disk
        self._lock = threading.Lock()
        self._open: set[Sending] = set()  # not answered yet
        self._waiting: list[Sending] = []  # for the connection
        self._connection: Any = None
        self._lanes: dict[tuple[str, Declaration | None], Lane] = {}
        self._link = Link(parameters, self._opened, self._gone)

    def send(self, sending: Sending) -> None:
        """Send, or say why not; from any thread."""
        with self._lock:
            self._open.add(sending)
        sending.answer.add_done_callback(lambda _: self._forget(sending))
        if not self._link.call(lambda: self._take(sending)):
            sending.end(_away(self.lost))

    def silence(self, waited_s: float) -> str:
        """Say that no answer came, and why where the broker has said so."""
        why = f": it takes nothing at present ({self._blocked})" if self._blocked else ""
        return f"RabbitMQ did not confirm the message within {waited_s:.1f} s{why}"

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _forget(self, sending: Sending) -> None:
        with self._lock:
            self._open.discard(sending)

    def _opened(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(
            lambda _, frame: setattr(self, "_blocked", frame.method.reason or "blocked")
        )
        connection.add_on_connection_unblocked_callback(lambda *_: setattr(self, "_blocked", ""))
        self._connection = connection
        waiting, self._waiting = self._waiting, []
        for sending in waiting:
            self._take(sending)

    def _take(self, sending: Sending) -> None:
        if self._connection is None:
            self._waiting.append(sending)
            return
        message = sending.message
        key = (message.exchange, message.needs)
        lane = self._lanes.get(key)
        if lane is None or lane.has_ended:
            lane = self._lanes[key] = Lane(self._connection, message.needs)
        lane.send(sending)

    def _gone(self, reason: str) -> None:
        self.lost = reason
        with self._lock:
            left = list(self._open)
        for sending in left:
            sending.end(_away(reason))


def _away(reason: str) -> NotPublished:
    return NotPublished("RABBITMQ_UNAVAILABLE", reason or "the connection broke")
