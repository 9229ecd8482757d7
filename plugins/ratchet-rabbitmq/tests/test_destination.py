"""Outputs as messages of a real broker: confirmed, come back, refused, and tried again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from ratchet_core.sdk import Delivered, DeliveryFailed, DeliveryView, RunInfo
from ratchet_rabbitmq import RabbitDestination
from tests.rabbitmq import Broker

Make = Callable[..., DeliveryView]


@pytest.fixture
def destination() -> Iterator[RabbitDestination]:
    made = RabbitDestination()
    yield made
    made.close()
    assert not [one for one in threading.enumerate() if one.name == "ratchet-rabbitmq"]


@pytest.fixture
def delivery(rabbit_url: str) -> Make:
    def make(options: Mapping[str, Any], **fields: Any) -> DeliveryView:
        given = {
            "id": "0190-delivery",
            "attempt": 1,
            "destination": "d",
            "run": RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
            "state": "completed",
            "body": b'{"total":42}',
            "variables": {"task_name": "sum", "output_data": {"region": "eu"}},
            "created_at": datetime(2026, 1, 2, tzinfo=UTC),
            "deadline": time.monotonic() + 10,
        }
        return DeliveryView(options={"url": rabbit_url, **options}, **{**given, **fields})

    return make


def failed(outcome: Any) -> DeliveryFailed:
    assert isinstance(outcome, DeliveryFailed), outcome
    return outcome


def test_an_output_becomes_a_persistent_message(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    queue = broker.queue()
    options = {
        "queue": queue,
        "priority": 3,
        "expiration_ms": 600_000,
        "headers": {"x-task": "{{task_name}}", "x-number": 7},
    }

    outcome = destination.deliver(delivery(options))

    assert outcome == Delivered(
        details={"message_id": "0190-delivery", "exchange": "", "routing_key": queue}
    )
    taken = broker.take(queue)
    assert taken is not None
    properties, body = taken
    assert body == b'{"total":42}'
    assert properties.message_id == "0190-delivery"
    assert properties.correlation_id == "run-1"
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == 2
    assert (properties.priority, properties.expiration) == (3, "600000")
    assert properties.timestamp == 1767312000
    assert properties.headers["x-task"] == "sum"
    assert properties.headers["x-number"] == 7
    assert properties.headers["x-ratchet-run-id"] == "run-1"
    assert properties.headers["x-ratchet-state"] == "completed"


def test_a_routing_key_is_made_of_the_output(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    exchange, queue = broker.name(), broker.queue()
    options = {
        "exchange": exchange,
        "declare": "topic",
        "routing_key": "orders.{{output_data.region}}",
    }

    unbound = failed(destination.deliver(delivery(options)))
    broker.channel.queue_bind(queue, exchange, "orders.eu")
    bound = destination.deliver(delivery(options))
    broker.channel.exchange_delete(exchange)

    assert (unbound.code, unbound.retryable) == ("RABBITMQ_UNROUTABLE", True)
    assert "has none bound to the key 'orders.eu' (NO_ROUTE)" in unbound.message
    assert isinstance(bound, Delivered)
    assert broker.count(queue) == 1


def test_what_need_not_be_routed_is_delivered_to_nobody(
    destination: RabbitDestination, delivery: Make
) -> None:
    outcome = destination.deliver(delivery({"queue": "ratchet-test-none", "mandatory": False}))

    assert isinstance(outcome, Delivered)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_is_made_where_it_is_not_there(
    destination: RabbitDestination, delivery: Make, broker: Broker, kind: str
) -> None:
    queue = broker.name()
    options = {"queue": queue, "declare": kind, "arguments": {"x-max-length": 10}}

    assert isinstance(destination.deliver(delivery(options)), Delivered)
    assert isinstance(destination.deliver(delivery(options)), Delivered)
    other = failed(destination.deliver(delivery({"queue": queue, "declare": kind})))

    assert broker.count(queue) == 2
    assert (other.code, other.retryable) == ("RABBITMQ_REFUSED", False)
    assert "PRECONDITION_FAILED" in other.message


def test_a_missing_exchange_hurts_only_who_needs_it(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    queue = broker.queue()
    options = [{"exchange": "ratchet-test-none"}, {"queue": queue}] * 20

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda one: destination.deliver(delivery(one)), options))

    assert all(isinstance(outcome, Delivered) for outcome in outcomes[1::2])
    missing = failed(outcomes[0])
    assert (missing.code, missing.retryable) == ("RABBITMQ_REFUSED", True)
    assert "no exchange 'ratchet-test-none'" in missing.message
    assert broker.count(queue) == 20


def test_a_full_queue_that_refuses_is_tried_again(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    queue = broker.queue({"x-max-length": 1, "x-overflow": "reject-publish"})

    outcomes = [destination.deliver(delivery({"queue": queue})) for _ in range(3)]

    refused = failed(outcomes[-1])
    assert (refused.code, refused.retryable) == ("RABBITMQ_REFUSED", True)
    broker.channel.queue_purge(queue)
    assert isinstance(destination.deliver(delivery({"queue": queue})), Delivered)


def test_many_threads_share_one_connection(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    queue = broker.queue()
    bodies = [json.dumps({"n": number}).encode() for number in range(400)]

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(
            pool.map(
                lambda body: destination.deliver(delivery({"queue": queue}, body=body)), bodies
            )
        )
        names = [one.name for one in threading.enumerate()]

    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert names.count("ratchet-rabbitmq") == 1
    found = [taken[1] for taken in iter(lambda: broker.take(queue), None)]
    assert sorted(found) == sorted(bodies)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("amqp://ada:hunter22@127.0.0.1:1", "RABBITMQ_UNAVAILABLE"),
        ("amqp://ada:hunter22@127.0.0.1:5432", "RABBITMQ_UNAVAILABLE"),
    ],
)
def test_a_broker_that_is_away_is_tried_again_and_its_password_kept(
    destination: RabbitDestination, delivery: Make, url: str, code: str
) -> None:
    outcome = failed(destination.deliver(delivery({"url": url, "queue": "q"})))

    assert (outcome.code, outcome.retryable) == (code, True)
    assert "hunter22" not in outcome.message


def test_a_wrong_password_is_named_and_not_shown(
    destination: RabbitDestination, delivery: Make, rabbit_url: str
) -> None:
    host = rabbit_url.rpartition("@")[2]
    options = {"url": f"amqp://guest:hunter22@{host}", "queue": "q"}

    outcome = failed(destination.deliver(delivery(options)))

    assert "seems not to know the user or the password" in outcome.message
    assert "hunter22" not in outcome.message


def test_what_does_not_fit_into_a_message_is_not_tried_again(
    destination: RabbitDestination, delivery: Make, broker: Broker
) -> None:
    key = failed(destination.deliver(delivery({"exchange": "e", "routing_key": "ä" * 128})))
    header = {"x-long": "{{nothing_of_the_kind | default(9223372036854775808)}}"}
    number = failed(destination.deliver(delivery({"queue": "q", "headers": header})))

    assert (key.code, key.retryable) == ("RABBITMQ_INVALID", False)
    assert "longer than 255 bytes" in key.message
    assert (number.code, number.retryable) == ("RABBITMQ_INVALID", False)


def test_no_answer_in_time_is_a_failure(destination: RabbitDestination, delivery: Make) -> None:
    outcome = failed(destination.deliver(delivery({"queue": "q"}, deadline=time.monotonic() - 1)))

    assert outcome.code == "RABBITMQ_NOT_CONFIRMED"
    assert outcome.retryable


QUEUE = {"url": "amqp://h", "queue": "q"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "url: is missing"),
        ({"url": "amqp://h"}, "queue: is missing; name a queue, or an exchange"),
        ({"url": "http://h", "queue": "q"}, "url: must start with amqp://, amqps://"),
        ({"url": "amqp://", "queue": "q"}, "url: must name a host"),
        ({"url": "amqp://h:99999", "queue": "q"}, "url: must name a host and may name a port"),
        ({"url": "amqp://u@h", "queue": "q"}, "url: must name the password"),
        ({"url": "amqp://h?heartbeat=1", "queue": "q"}, "url: takes no '?'"),
        ({"url": "amqp://h/a/b", "queue": "q"}, "url: must name one virtual host"),
        ({**QUEUE, "quue": "q"}, "quue: unknown key; did you mean 'queue'?"),
        ({**QUEUE, "exchange": "e"}, "queue: stands alone"),
        ({**QUEUE, "declare": "topic"}, "declare: must be one of classic, quorum"),
        ({**QUEUE, "queue": "q.{{task_name}}", "declare": "quorum"}, "declare: the queue has no"),
        ({**QUEUE, "arguments": {}}, "arguments: are of a queue that `declare` makes"),
        ({**QUEUE, "priority": 256}, "priority: must be an integer from 0 to 255"),
        ({**QUEUE, "headers": {"a": [1]}}, "headers: must be an object of texts"),
        ({**QUEUE, "ca_file": "/ca.pem"}, "ca_file: has a meaning only with amqps://"),
        ({"url": "amqp://h", "exchange": "{{task_name}}"}, "exchange: takes no templates"),
    ],
)
def test_wrong_options_are_named(options: Mapping[str, Any], problem: str) -> None:
    assert problem in "; ".join(RabbitDestination().check(options))
