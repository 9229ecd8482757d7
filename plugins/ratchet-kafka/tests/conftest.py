"""What the tests of this plugin share: a cluster of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka_broker import KafkaBroker


@pytest.fixture
def kafka() -> Iterator[KafkaBroker]:
    """Give a cluster that this test alone uses."""
    broker = KafkaBroker()
    try:
        yield broker
    finally:
        broker.stop()
