"""The promises of output destinations, kept by this plugin on a real broker.

Those of input sources cannot be asked about here: AMQP does not tell how many messages are taken
and not acknowledged. `test_source` and `test_restart` prove the same by killing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ratchet_core.sdk import OutputDestination
from ratchet_core.testing import OutputDestinationContract
from ratchet_rabbitmq import RabbitDestination
from tests.rabbitmq import Broker

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
