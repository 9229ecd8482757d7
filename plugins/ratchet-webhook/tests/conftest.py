"""A delivery, and the destination with the real client."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.sdk import DeliveryView, RunInfo
from ratchet_webhook import WebhookDestination

#: Makes a delivery; options by position, the rest by keyword.
Make = Callable[..., DeliveryView]


@pytest.fixture
def webhook() -> Iterator[WebhookDestination]:
    """Give the destination; it may reach this machine."""
    with contextlib.closing(PinnedClient(EgressPolicy(("127.0.0.1",), ()))) as client:
        yield WebhookDestination(client, clock=time.time)


@pytest.fixture
def delivery() -> Make:
    """Make deliveries."""

    def make(options: Mapping[str, Any], **fields: Any) -> DeliveryView:
        given = {
            "id": "0190-delivery",
            "attempt": 1,
            "destination": "hook",
            "run": RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
            "state": "completed",
            "body": b'{"total":42}',
            "variables": {"job_id": "run-1", "task_name": "w"},
            "secret": b"key",
            "created_at": datetime.now(UTC),
            "deadline": time.monotonic() + 10,
        }
        return DeliveryView(options=options, **{**given, **fields})

    return make
