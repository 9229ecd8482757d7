"""The promises of output destinations and input sources, kept by this plugin on real brokers.

AMQP does not tell how many messages are taken and not acknowledged: sources are tested on a private
broker whose management API does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk import InputSource, OutputDestination
from ratchet_core.testing import InputSourceContract, OutputDestinationContract
from ratchet_rabbitmq import RabbitDestination, RabbitSource
from tests.rabbitmq import Broker, RabbitServer, private_rabbit

PASSWORD = "hunter22-of-the-test"
AWAY = f"amqp://guest:{PASSWORD}@127.0.0.1:1"


@pytest.fixture
def queue(broker: Broker) -> str:
    return broker.queue()


class TestDestination(OutputDestinationContract):
    @pytest.fixture
    def destination(self) -> Iterator[OutputDestination]:
        made = RabbitDestination()
        yield made
        made.close()

    @pytest.fixture
    def good_options(self, rabbit_url: str, queue: str) -> Mapping[str, Any]:
        return {"url": rabbit_url, "queue": queue, "secret": PASSWORD}

    @pytest.fixture
    def received(self, broker: Broker, queue: str) -> Any:
        taken: list[Any] = []

        def received() -> list[Any]:
            while (message := broker.take(queue)) is not None:
                taken.append(json.loads(message[1]))
            return taken

        return received

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        url = "amqp://host"
        return [{}, {"url": "http://x", "queue": "q"}, {"url": url, "queue": "q", "priority": 999}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": AWAY, "queue": "outputs"}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]


@pytest.fixture(scope="module")
def counted_server() -> Iterator[RabbitServer]:
    with private_rabbit(counted=True) as server:
        yield server


@pytest.fixture
def counted(counted_server: RabbitServer, new_broker: Callable[[str], Broker]) -> Broker:
    return new_broker(counted_server.url)


@pytest.fixture
def orders(counted: Broker) -> str:
    return counted.queue()


@pytest.mark.timeout(180)  # the broker starts within the first one
class TestSource(InputSourceContract):
    @pytest.fixture
    def source_type(self) -> type[InputSource]:
        return RabbitSource

    @pytest.fixture
    def good_options(self, counted_server: RabbitServer, orders: str) -> Mapping[str, Any]:
        return {"url": counted_server.url, "queue": orders}

    @pytest.fixture
    def put(self, counted: Broker, orders: str) -> Callable[[Any], None]:
        def put(value: Any) -> None:
            body = json.dumps(value).encode()
            counted.send(orders, body, message_id=new_id(), content_type="application/json")

        return put

    @pytest.fixture
    def pending(self, counted_server: RabbitServer, orders: str) -> Callable[[], int]:
        return lambda: counted_server.unacknowledged(orders)

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        url = "amqp://host"
        return [{}, {"url": "http://x", "queue": "q"}, {"url": url, "queue": "q", "prefetch": 0}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": AWAY, "queue": "orders"}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]
