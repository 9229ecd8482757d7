"""Waits for a thing to happen, never for time to pass. Nothing else in the tests pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

#: Pause between two looks, in seconds.
POLL_S = 0.02


def wait_for(look: Callable[[], T | None], what: str, *, timeout_s: float = 20.0) -> T:
    """Call `look` until it returns something truthy, and return that.

    Args:
        look: cheap and free of effects; it is called every 20 ms.
        what: what is waited for, for the message of the failure: "the run to complete".
        timeout_s: the test fails when it has not happened by then.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= deadline:
            pytest.fail(f"waited {timeout_s:g} s for {what}; last seen: {found!r}")
        time.sleep(POLL_S)
