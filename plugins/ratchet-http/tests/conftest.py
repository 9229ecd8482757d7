"""An attempt at an HTTP step, with the real client."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.sdk import RunInfo, StepContext, StepInfo


class Unheard:
    """A reporter for steps that report nothing."""

    def progress(self, fraction: float, message: str | None, data: Any) -> None:
        """Nobody listens."""

    def log(self, level: str, message: str) -> None:
        """Nobody listens."""

    def publish(self, name: str, payload: Mapping[str, Any]) -> None:
        """Nobody listens."""


@pytest.fixture
def attempt() -> Iterator[Callable[..., StepContext]]:
    """Make the context of an attempt; the configuration comes by keyword."""
    policy = EgressPolicy(("127.0.0.1",), ())
    with contextlib.closing(PinnedClient(policy, timeout_s=10)) as client:

        def make(
            config: Mapping[str, Any], *, remaining_s: float = 60, cancelled: bool = False
        ) -> StepContext:
            stop = threading.Event()
            if cancelled:
                stop.set()
            return StepContext(
                run=RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
                step=StepInfo(id="step-1", name="call", attempt_id="attempt-1"),
                attempt=2,
                input={"id": 7, "city": "Zürich & more", "tags": ["a", "b"], "n": None},
                results={"before": {"body": {"token": "t1"}}},
                config=config,
                idempotency_key="key-1",
                deadline=time.monotonic() + remaining_s,
                http=client,
                log=logging.getLogger("test"),
                reporter=Unheard(),
                stop=stop,
            )

        yield make
