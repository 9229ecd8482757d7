"""Outputs as messages of a topic, on brokers that answer, are silent, away, or refuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ratchet_core.sdk import Delivered, DeliveryFailed, DeliveryOutcome, DeliveryView, RunInfo
from ratchet_kafka import KafkaDestination
from tests.kafka_broker import KafkaBroker
from tests.waiting import wait_for

#: Delivers with some options and fields of the view.
Deliver = Callable[..., DeliveryOutcome]


def view(options: Mapping[str, Any], **fields: Any) -> DeliveryView:
    given = {
        "id": "0190-delivery",
        "attempt": 1,
        "destination": "d",
        "run": RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
        "state": "completed",
        "body": b'{"total":42}',
        "variables": {"task_name": "w", "job_id": "run-1"},
        "created_at": datetime.now(UTC),
        "deadline": time.monotonic() + 30,
    }
    return DeliveryView(options=options, **{**given, **fields})


@pytest.fixture
def destination() -> Iterator[KafkaDestination]:
    made = KafkaDestination()
    yield made
    made.close()


@pytest.fixture
def deliver(destination: KafkaDestination, kafka: KafkaBroker) -> Deliver:
    def call(options: Mapping[str, Any], **fields: Any) -> DeliveryOutcome:
        given = {"bootstrap_servers": kafka.servers, **options}
        assert destination.check(given) == []
        return destination.deliver(view(given, **fields))

    return call


def test_an_output_becomes_one_message_with_its_key_and_headers(
    deliver: Deliver, kafka: KafkaBroker
) -> None:
    headers = {"x-task": "{{task_name}}", "x-signature": "{{signature}}"}
    outcome = deliver({"topic": "from-{{task_name}}", "key": "{{job_id}}", "headers": headers})

    assert isinstance(outcome, Delivered)
    assert outcome.details["topic"] == "from-w"
    [message] = kafka.read("from-w", 1)
    assert (message.partition(), message.offset()) == (
        outcome.details["partition"],
        outcome.details["offset"],
    )
    assert message.key() == b"run-1"
    assert orjson.loads(message.value()) == {"total": 42}
    found = dict(message.headers())
    assert found["x-task"] == b"w"
    assert len(found["x-signature"]) == 64
    assert found["x-ratchet-delivery"] == b"0190-delivery"
    assert found["x-ratchet-run"] == b"run-1"


def test_many_at_a_time_share_a_connection_and_all_arrive(
    deliver: Deliver, kafka: KafkaBroker
) -> None:
    outcomes: list[DeliveryOutcome] = []

    def send(start: int) -> None:
        for number in range(start, start + 25):
            sent = deliver({"topic": "many", "key": str(number)}, id=f"d{number}")
            outcomes.append(sent)

    threads = [threading.Thread(target=send, args=[n * 25]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    ids = [dict(message.headers())["x-ratchet-delivery"] for message in kafka.read("many", 100)]
    assert sorted(ids) == sorted(f"d{number}".encode() for number in range(100))


def test_brokers_that_are_silent_are_tried_again_and_then_have_it(
    deliver: Deliver, kafka: KafkaBroker
) -> None:
    options = {"topic": "slow", "delivery_timeout_seconds": 2}
    assert isinstance(deliver(options), Delivered)
    kafka.freeze()
    began = time.monotonic()
    outcome = deliver(options)
    took_s = time.monotonic() - began
    kafka.thaw()

    assert isinstance(outcome, DeliveryFailed)
    assert outcome.retryable
    assert outcome.code == "KAFKA_UNAVAILABLE"
    assert kafka.servers in outcome.message
    assert "within 2 s" in outcome.message
    assert took_s < 6
    wait_for(lambda: isinstance(deliver(options), Delivered), "the next attempt")


def test_brokers_that_come_back_get_what_waited_for_them(
    deliver: Deliver, kafka: KafkaBroker
) -> None:
    assert isinstance(deliver({"topic": "back"}, id="first"), Delivered)
    kafka.order("down")
    outcomes: list[DeliveryOutcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(deliver({"topic": "back"}, id="second"))
    )
    thread.start()
    kafka.order("up")
    thread.join()

    assert isinstance(outcomes[0], Delivered)
    ids = [dict(message.headers())["x-ratchet-delivery"] for message in kafka.read("back", 2)]
    assert sorted(ids) == [b"first", b"second"]


def test_brokers_that_are_away_are_named_and_no_secret_is(destination: KafkaDestination) -> None:
    client = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": "ratchet",
        "sasl.password": "hunter22",
    }
    options = {
        "bootstrap_servers": "127.0.0.1:1",
        "topic": "t",
        "delivery_timeout_seconds": 5,
        "client": client,
    }
    assert destination.check(options) == []

    outcome = destination.deliver(view(options))

    assert isinstance(outcome, DeliveryFailed)
    assert outcome.retryable
    assert "127.0.0.1:1" in outcome.message
    assert "refused" in outcome.message
    assert "hunter22" not in f"{outcome} {view(options)}"


def test_what_is_too_large_is_not_tried_again(deliver: Deliver) -> None:
    body = orjson.dumps({"text": "x" * 5_000})

    outcome = deliver({"topic": "small", "max_message_bytes": 2_000}, body=body)

    assert isinstance(outcome, DeliveryFailed)
    assert not outcome.retryable
    assert outcome.code == "KAFKA_MESSAGE_TOO_LARGE"
    assert f"the output has {len(body)} bytes" in outcome.message
    larger = deliver({"topic": "small", "max_message_bytes": 10_000}, body=body)
    assert isinstance(larger, Delivered)


def test_a_topic_that_is_unknown_is_named_and_tried_again(
    deliver: Deliver, kafka: KafkaBroker
) -> None:
    kafka.order("unknown", "missing")
    options = {"topic": "missing", "delivery_timeout_seconds": 3}

    outcome = deliver(options)

    assert isinstance(outcome, DeliveryFailed)
    assert outcome.code == "KAFKA_TOPIC_UNKNOWN"
    assert "has no topic 'missing'" in outcome.message
    kafka.order("known", "missing")
    wait_for(lambda: isinstance(deliver(options), Delivered), "the topic to be known")


def test_a_template_that_makes_no_topic_is_not_tried_again(deliver: Deliver) -> None:
    outcome = deliver({"topic": "{{task_name}}"}, variables={"task_name": "no topic"})

    assert isinstance(outcome, DeliveryFailed)
    assert not outcome.retryable
    assert "'no topic'" in outcome.message


def test_files_that_are_not_there_are_not_tried_again(deliver: Deliver) -> None:
    client = {"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}

    outcome = deliver({"topic": "t", "client": client})

    assert isinstance(outcome, DeliveryFailed)
    assert not outcome.retryable
    assert "ssl.ca.location" in outcome.message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "bootstrap_servers: is missing"),
        ({"bootstrap_servers": "kafka"}, "bootstrap_servers: must be host:port"),
        ({"topik": "t"}, "topik: unknown key; did you mean 'topic'?"),
        ({"topic": "no topic"}, "topic: must be 1 to 249 letters"),
        ({"headers": {"a": 1}}, "headers.a: must be a text"),
        ({"client": {"sasl.pasword": "x"}}, "did you mean 'sasl.password'?"),
        ({"client": {"sasl.kerberos.kinit.cmd": "sh"}}, "sasl.kerberos.kinit.cmd: cannot be set"),
        ({"client": {"ssl.engine.location": "x.so"}}, "ssl.engine.location: cannot be set"),
        ({"client": {"acks": 0}}, "client.acks: cannot be set here"),
        ({"client": {"security.protocol": "TLS"}}, "client.security.protocol: must be one of"),
        ({"client": {"linger.ms": -1}}, "client.linger.ms: must be an integer from 0"),
        ({"delivery_timeout_seconds": 0}, "delivery_timeout_seconds: must be a number from 1"),
    ],
)
def test_wrong_options_are_named(options: Mapping[str, Any], problem: str) -> None:
    assert problem in "; ".join(KafkaDestination().check(options))
