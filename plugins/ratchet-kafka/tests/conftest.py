"""A cluster for the tests of this plugin, and the way to their module of sites."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka_broker import KafkaBroker

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def kafka() -> Iterator[KafkaBroker]:
    """Give a cluster that this test alone uses."""
    broker = KafkaBroker()
    try:
        yield broker
    finally:
        broker.stop()
