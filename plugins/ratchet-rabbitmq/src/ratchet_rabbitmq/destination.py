"""Outputs to RabbitMQ: a message each, delivered once the broker has confirmed it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pika import BasicProperties, DeliveryMode

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    option_check,
    template_problems,
)
from ratchet_rabbitmq import options as check
from ratchet_rabbitmq.broker import (
    EXCHANGE_TYPES,
    QUEUE_TYPES,
    SHARED,
    declaration,
    parameters,
    tls_problems,
)
from ratchet_rabbitmq.publisher import Publisher
from ratchet_rabbitmq.sending import Message, NotPublished

_CHECKS: Final[Mapping[str, option_check.Check]] = {
    **SHARED,
    "queue": check.name,
    "exchange": check.name,
    "routing_key": lambda value: None if isinstance(value, str) else "must be a text",
    "declare": option_check.choice(*QUEUE_TYPES, *EXCHANGE_TYPES),
    "arguments": check.scalars,
    "mandatory": option_check.boolean,
    "persistent": option_check.boolean,
    "priority": option_check.integer(0, 255),
    "expiration_ms": option_check.integer(0, 2**32 - 1),
    "content_type": option_check.text,
    "headers": check.scalars,
    "timeout_seconds": option_check.anything,
    "retry_policy": option_check.anything,
    "secret": option_check.text,
}


class RabbitDestination(OutputDestination):
    """A message per output; its `message_id` is that of the delivery, for all its attempts."""

    name: ClassVar[str] = "rabbitmq"
    secret_options: ClassVar[Sequence[str]] = ("url", "secret", "headers")
    named_by_runs: ClassVar[bool] = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._publishers: dict[str, Publisher] = {}

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        found = option_check.problems(options, _CHECKS, ("url",))
        return found or [*tls_problems(options), *_place_problems(options)]

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Publish one output and wait for the confirmation."""
        message = _message(delivery)
        try:
            self._publisher(delivery.options).publish(message, delivery.remaining_s)
        except NotPublished as problem:
            return DeliveryFailed(
                message=problem.message, code=problem.code, retryable=problem.retryable
            )
        except OSError as error:  # a certificate; its text names the file and no secret
            return DeliveryFailed(message=f"TLS cannot be used: {error}", code="RABBITMQ_TLS")
        return Delivered(
            details={
                "message_id": delivery.id,
                "exchange": message.exchange,
                "routing_key": message.routing_key,
            }
        )

    def _publisher(self, options: Mapping[str, Any]) -> Publisher:
        """Return the publisher for a broker: one connection serves all destinations there."""
        shared = {key: options.get(key) for key in SHARED}
        key = json.dumps(shared, sort_keys=True)
        with self._lock:
            if key not in self._publishers:
                self._publishers[key] = Publisher(parameters(options, "ratchet outputs"))
            return self._publishers[key]

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            publishers = list(self._publishers.values())
            self._publishers.clear()
        for publisher in publishers:
            publisher.close()


def _place_problems(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with where messages go."""
    queue, kind = options.get("queue"), options.get("declare")
    if queue is None and "exchange" not in options:
        return ["queue: is missing; name a queue, or an exchange and a routing_key"]
    if queue is not None and ("exchange" in options or "routing_key" in options):
        return ["queue: stands alone; exchange and routing_key say where else messages go"]
    found = []
    if template_problems(options.get("exchange"), frozenset()):
        found.append("exchange: takes no templates; routing_key does")
    allowed = EXCHANGE_TYPES if queue is None else QUEUE_TYPES
    if kind is not None and kind not in allowed:
        found.append(f"declare: must be one of {', '.join(allowed)}")
    if kind is not None and template_problems(queue, frozenset()):
        found.append("declare: the queue has no fixed name: no output decides what is declared")
    if "arguments" in options and kind not in QUEUE_TYPES:
        found.append("arguments: are of a queue that `declare` makes")
    return found


def _message(delivery: DeliveryView) -> Message:
    options = delivery.options
    queue = options.get("queue")
    key = options.get("routing_key", "") if queue is None else queue
    own = {
        "x-ratchet-run-id": delivery.run.id,
        "x-ratchet-task-id": delivery.run.task_id,
        "x-ratchet-state": delivery.state,
        "x-ratchet-attempt": delivery.attempt,
    }
    expiration = options.get("expiration_ms")
    properties = BasicProperties(
        content_type=str(options.get("content_type", "application/json")),
        headers=own | _headers(delivery),
        delivery_mode=DeliveryMode.Persistent if _persists(options) else DeliveryMode.Transient,
        priority=options.get("priority"),
        correlation_id=delivery.run.id,
        expiration=None if expiration is None else str(expiration),
        message_id=delivery.id,
        timestamp=int(delivery.created_at.timestamp()),
        app_id="ratchet",
    )
    return Message(
        exchange=str(options.get("exchange", "")),
        routing_key=str(delivery.render(key)),
        body=delivery.body,
        properties=properties,
        mandatory=bool(options.get("mandatory", True)),
        needs=declaration(str(options.get("exchange", queue)), options),
    )


def _headers(delivery: DeliveryView) -> dict[str, Any]:
    named: Mapping[str, Any] = delivery.render(dict(delivery.options.get("headers", {})))
    # AMQP has floats of its own, which not every client reads
    return {key: str(item) if isinstance(item, float) else item for key, item in named.items()}


def _persists(options: Mapping[str, Any]) -> bool:
    return bool(options.get("persistent", True))
