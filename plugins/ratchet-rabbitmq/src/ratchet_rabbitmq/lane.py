"""A channel in confirm mode: whatever is wrong with its exchange hurts no other.

Everything here happens on the thread of the connection.
"""

from __future__ import annotations

from typing import Any, Final

from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from ratchet_rabbitmq.broker import Declaration
from ratchet_rabbitmq.link import reason_of
from ratchet_rabbitmq.sending import Message, NotPublished, Sending

#: Why a broker closes a channel where no other attempt helps: no permission; something of that name
#: was declared otherwise, or the message is too large.
_FOR_GOOD: Final = frozenset({403, 406})


class Lane:
    """Sends to one exchange.

    Args:
        connection: an open one.
        needs: is declared before anything is sent.
    """

    def __init__(self, connection: Any, needs: Declaration | None) -> None:
        self.has_ended = False
        self._needs = needs
        self._is_ready = False
        self._waiting: list[Sending] = []
        self._sent: dict[int, Sending] = {}  # not confirmed yet, by the number of their publishing
        self._count = 0
        self._channel = connection.channel(on_open_callback=self._opened)
        self._channel.add_on_close_callback(self._closed)

    def send(self, sending: Sending) -> None:
        """Send, as soon as the channel is ready."""
        if not self._is_ready:
            self._waiting.append(sending)
        elif not sending.answer.cancelled():
            self._count += 1
            self._sent[self._count] = sending
            message = sending.message
            self._channel.basic_publish(
                message.exchange,
                message.routing_key,
                message.body,
                message.properties,
                mandatory=message.mandatory,
            )

    def _opened(self, channel: Any) -> None:
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=self._declare)

    def _declare(self, _frame: Any) -> None:
        if self._needs is None:
            self._ready(None)
        else:
            self._needs.declare(self._channel, self._ready)

    def _ready(self, _frame: Any) -> None:
        self._is_ready = True
        waiting, self._waiting = self._waiting, []
        for sending in waiting:
            self.send(sending)

    def _returned(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        """Remember why a message came back; its confirmation follows."""
        reason = (
            f"no queue takes it: the exchange '{method.exchange}' has none bound to the key"
            if method.exchange
            else "no queue takes it: there is none of the name"
        )
        for sending in self._sent.values():
            if sending.came_back is None and _is_same(sending.message, method, properties, body):
                text = f"{reason} '{method.routing_key}' ({method.reply_text})"
                sending.came_back = NotPublished("RABBITMQ_UNROUTABLE", text)
                return

    def _confirmed(self, frame: Any) -> None:
        answer = frame.method
        last = answer.delivery_tag
        tags = [tag for tag in self._sent if tag <= last] if answer.multiple else [last]
        for tag in tags:
            sending = self._sent.pop(tag, None)
            if sending is None:
                continue
            if isinstance(answer, Basic.Ack):
                sending.end(sending.came_back)
            else:
                text = "RabbitMQ refused the message: the queue is full, or its host is in trouble"
                sending.end(NotPublished("RABBITMQ_REFUSED", text))

    def _closed(self, _channel: Any, error: Exception) -> None:
        self.has_ended, self._is_ready = True, False
        if isinstance(error, ChannelClosedByBroker):
            is_final = error.reply_code in _FOR_GOOD
            problem = NotPublished("RABBITMQ_REFUSED", reason_of(error), retryable=not is_final)
        else:
            problem = NotPublished("RABBITMQ_UNAVAILABLE", reason_of(error))
        for sending in (*self._sent.values(), *self._waiting):
            sending.end(problem)
        self._sent.clear()
        self._waiting.clear()


def _is_same(message: Message, method: Any, properties: Any, body: bytes) -> bool:
    return (message.exchange, message.routing_key, message.properties.message_id, message.body) == (
        method.exchange,
        method.routing_key,
        properties.message_id,
        body,
    )
