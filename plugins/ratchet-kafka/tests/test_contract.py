"""The promises of output destinations and input sources, kept by this plugin on brokers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import pytest

from ratchet_core.sdk import InputSource, OutputDestination
from ratchet_core.testing import InputSourceContract, OutputDestinationContract
from ratchet_kafka import KafkaDestination, KafkaSource
from tests.kafka_broker import KafkaBroker

PASSWORD = "hunter22-of-the-test"
AWAY = "127.0.0.1:1"


class TestDestination(OutputDestinationContract):
    @pytest.fixture
    def destination(self) -> Iterator[OutputDestination]:
        made = KafkaDestination()
        yield made
        made.close()

    @pytest.fixture
    def good_options(self, kafka: KafkaBroker) -> Mapping[str, Any]:
        return {"bootstrap_servers": kafka.servers, "topic": "outputs", "secret": PASSWORD}

    @pytest.fixture
    def received(self, kafka: KafkaBroker) -> Any:
        def received() -> list[Any]:
            messages = kafka.read("outputs", kafka.written("outputs"))
            return [orjson.loads(message.value()) for message in messages]

        return received

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [
            {},
            {"bootstrap_servers": "b:9092"},
            {"bootstrap_servers": "b", "topic": "t", "x": 1},
        ]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"bootstrap_servers": AWAY, "topic": "outputs", "delivery_timeout_seconds": 2}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]


class TestSource(InputSourceContract):
    patience_s = 40.0  # until the broker has given up on a member that is gone

    @pytest.fixture
    def source_type(self) -> type[InputSource]:
        return KafkaSource

    @pytest.fixture
    def good_options(self, kafka: KafkaBroker) -> Mapping[str, Any]:
        kafka.order("topic", "orders", 2)
        return {
            "bootstrap_servers": kafka.servers,
            "topics": ["orders"],
            "group_id": "contract",
            "session_timeout_seconds": 3,
            "max_poll_interval_seconds": 5,
        }

    @pytest.fixture
    def put(self, kafka: KafkaBroker) -> Callable[[Any], None]:
        return lambda value: kafka.write("orders", 1, value=orjson.dumps(value))

    @pytest.fixture
    def pending(self, kafka: KafkaBroker) -> Callable[[], int]:
        return lambda: kafka.written("orders") - kafka.committed("contract", "orders")

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"bootstrap_servers": "b:9092"}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"bootstrap_servers": AWAY, "topics": ["orders"]}
