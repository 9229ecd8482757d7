"""A message on its way out, and why it did not arrive."""

from __future__ import annotations

import contextlib
import struct
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from pika import BasicProperties
from pika.exceptions import AMQPError

from ratchet_rabbitmq.broker import Declaration
from ratchet_rabbitmq.options import MOST_BYTES


class NotPublished(Exception):
    """The broker does not have the message, or nobody knows whether it has.

    Args:
        code: stable code.
        message: what happened; without credentials.
        retryable: False where only a change at the broker or of the message helps.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.retryable = code, message, retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to go out."""

    exchange: str  #: "" for the default one, whose routing keys are names of queues
    routing_key: str
    body: bytes = field(repr=False)
    properties: BasicProperties = field(repr=False)
    mandatory: bool = True  #: whether it is to come back where no queue takes it
    needs: Declaration | None = None  #: made before it is sent

    def check(self) -> None:
        """Refuse what no broker could be sent.

        Raises:
            NotPublished: the routing key or a property is too long, or of a type that AMQP has not.
        """
        if len(self.routing_key.encode()) > MOST_BYTES:
            raise _no_message(f"the routing key is longer than {MOST_BYTES} bytes")
        try:
            self.properties.encode()
        except (AMQPError, struct.error, ValueError, TypeError, AssertionError) as error:
            raise _no_message(str(error) or type(error).__name__) from None


def _no_message(why: str) -> NotPublished:
    return NotPublished("RABBITMQ_INVALID", f"this is no AMQP message: {why}", retryable=False)


@dataclass(slots=True, eq=False)
class Sending:
    """A message on its way; `answer` is None once it has arrived, else why it has not."""

    message: Message
    answer: Future[NotPublished | None] = field(default_factory=Future)
    came_back: NotPublished | None = None  #: it is confirmed nevertheless

    def end(self, answer: NotPublished | None) -> None:
        """Tell whoever waits, unless they have given up or know already."""
        with contextlib.suppress(InvalidStateError):
            self.answer.set_result(answer)
