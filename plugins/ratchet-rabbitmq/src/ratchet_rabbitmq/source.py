"""Messages of a queue become runs; each is acknowledged once its run is stored, or has completed.

This thread stores and waits for the database; the consumer's own thread keeps the connection. A
message that is to come again, or is put aside, is first published as a confirmed copy.
"""

from __future__ import annotations

import logging
import random
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ratchet_core.sdk import Accepted, Feed, InputSource, SourceSettings, option_check
from ratchet_rabbitmq import options as check
from ratchet_rabbitmq.broker import (
    QUEUE_TYPES,
    SHARED,
    Declaration,
    declaration,
    parameters,
    tls_problems,
)
from ratchet_rabbitmq.consumer import Consumer, Lost
from ratchet_rabbitmq.incoming import (
    REASON,
    REQUEUED,
    Incoming,
    copied,
    inbound,
    is_identity,
)
from ratchet_rabbitmq.publisher import Publisher
from ratchet_rabbitmq.sending import Message, NotPublished

_CHECKS: Final[Mapping[str, option_check.Check]] = {
    **SHARED,
    "queue": check.name,
    "declare": option_check.choice(*QUEUE_TYPES),
    "arguments": check.scalars,
    "prefetch": option_check.integer(1, 10_000),
    "identity": is_identity,
    "dead_letter_queue": check.name,
    "include_properties": option_check.boolean,
}
#: How long one look for messages waits; also how often it looks whether it is to end.
_LOOK_S: Final = 0.5
#: The same while runs are waited for.
_SHORT_LOOK_S: Final = 0.05
#: Most messages of one transaction.
_MOST_AT_ONCE: Final = 1000
#: How long a copy may take to be confirmed.
_COPY_S: Final = 10.0
#: Waits before another connection.
_FIRST_REST_S: Final = 0.5
_LONGEST_REST_S: Final = 30.0
_LONGEST_REASON: Final = 1000
#: A connection that lived so long was sound: its loss is no failure in a row.
_STEADY_S: Final = 60.0

_log = logging.getLogger(__name__)


class RabbitSource(InputSource):
    """Consumes one queue, beside any number of others that do.

    Args:
        settings: `url` and `queue` needed; see the README for the others.
    """

    name = "rabbitmq"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        self._queue = str(options["queue"])
        self._identity = str(options.get("identity", "message_id"))
        self._prefetch = int(options.get("prefetch", 100))
        self._aside = options.get("dead_letter_queue")
        self._with_properties = bool(options.get("include_properties", False))
        self._parameters = parameters(options, f"ratchet input {settings.name}")
        self._publisher = Publisher(parameters(options, f"ratchet input {settings.name} copies"))
        self._has_warned = False
        self._open: dict[int, tuple[Accepted, Incoming]] = {}  # runs that have to complete first

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options."""
        found = option_check.problems(options, _CHECKS, ("url", "queue")) or tls_problems(options)
        if "arguments" in options and "declare" not in options:
            found.append("arguments: are of a queue that `declare` makes")
        if options.get("dead_letter_queue") == options.get("queue") is not None:
            found.append(
                "dead_letter_queue: is the queue itself: what is put aside would come again"
            )
        return found

    def run(self, feed: Feed) -> None:
        """Feed messages until asked to end; connect again after a loss, ever more rarely."""
        failures = 0
        while not feed.stop.is_set():
            began = time.monotonic()
            try:
                self._consume(feed)
            except (Lost, NotPublished) as problem:
                failures = 1 if time.monotonic() - began > _STEADY_S else failures + 1
                feed.failing(str(problem))
                feed.stop.wait(_rest_s(failures))

    def close(self) -> None:
        """Close the connection of the copies."""
        self._publisher.close()

    def _consume(self, feed: Feed) -> None:
        """Consume over one connection, until it is lost or the process ends."""
        self._open.clear()  # of another connection: the broker delivers them again
        consumer = Consumer(
            self._parameters,
            self._queue,
            tag=f"ratchet-{self.settings.name}-{socket.gethostname()}",
            prefetch=self._prefetch,
            needs=self._needs(),
        )
        is_told = False
        try:
            while not feed.stop.is_set():
                arrived = consumer.take(
                    _MOST_AT_ONCE, _SHORT_LOOK_S if self._open or not is_told else _LOOK_S
                )
                if not is_told and consumer.is_consuming:
                    is_told = True
                    feed.healthy()
                if arrived:
                    self._feed(feed, consumer, arrived)
                self._settle(feed, consumer)
        finally:
            consumer.close()

    def _needs(self) -> tuple[Declaration, ...]:
        own = declaration(self._queue, self.settings.options)
        if own is None:
            return ()
        return (own,) if self._aside is None else (own, Declaration(str(self._aside), own.kind))

    def _feed(self, feed: Feed, consumer: Consumer, arrived: Sequence[Incoming]) -> None:
        messages = [
            inbound(incoming, self._queue, self._identity, with_properties=self._with_properties)
            for incoming in arrived
        ]
        if self._identity != "none" and any(message.identity is None for message in messages):
            self._warn()
        answers = feed.submit(messages)
        done = []
        for incoming, answer in zip(arrived, answers, strict=True):
            if isinstance(answer, Exception):
                self._put_aside(consumer, incoming, _reason(answer))
            elif self.settings.ack == "result":
                self._open[incoming.tag] = (answer, incoming)
            else:
                done.append(incoming.tag)
        consumer.acknowledge(done)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            text = "source '%s': messages come without %s: one that comes again makes another run"
            _log.warning(text, self.settings.name, self._identity)

    def _settle(self, feed: Feed, consumer: Consumer) -> None:
        """Look at the runs that messages wait for."""
        done = []
        for tag, (accepted, incoming) in list(self._open.items()):
            known = feed.wait_for(accepted, 0)
            if known.done is None:
                continue
            if known.done:
                done.append(tag)
            else:
                self._refuse(consumer, incoming, known.run_id)
            del self._open[tag]
        consumer.acknowledge(done)

    def _refuse(self, consumer: Consumer, incoming: Incoming, run_id: str) -> None:
        """Put a message whose run failed back at the end of the queue, or aside."""
        count = incoming.requeues
        if count >= self.settings.requeue:
            self._put_aside(consumer, incoming, f"run {run_id} did not complete")
            return
        self._copy(self._queue, incoming, {REQUEUED: count + 1}, expires=True)
        consumer.acknowledge([incoming.tag])

    def _put_aside(self, consumer: Consumer, incoming: Incoming, reason: str) -> None:
        if self._aside is None:
            consumer.reject([incoming.tag])
            return
        headers = {REASON: reason[:_LONGEST_REASON], "x-ratchet-queue": self._queue}
        self._copy(str(self._aside), incoming, headers, expires=False)
        consumer.acknowledge([incoming.tag])

    def _copy(
        self, queue: str, incoming: Incoming, headers: Mapping[str, Any], *, expires: bool
    ) -> None:
        """Publish a copy of a message.

        Raises:
            NotPublished: nobody knows whether the broker has it: the message itself stays.
        """
        self._publisher.publish(
            Message(
                exchange="",
                routing_key=queue,
                body=incoming.body,
                properties=copied(incoming, headers, expires=expires),
            ),
            _COPY_S,
        )


def _reason(refusal: Exception) -> str:
    """Say why a message can never become a run, with the fields that are wrong."""
    details: Mapping[str, Sequence[str]] = getattr(refusal, "details", {})
    return "; ".join([str(refusal), *(f"{key}: {', '.join(why)}" for key, why in details.items())])


def _rest_s(failures: int) -> float:
    longest = min(_LONGEST_REST_S, _FIRST_REST_S * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - ingesters do not come back all at once
