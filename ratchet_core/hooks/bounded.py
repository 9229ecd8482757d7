"""Calls that may take too long or leave threads behind: imports and registrations of plugins.

They run on a thread of their own. One that is over its time is left behind: it cannot be stopped,
but the process goes on without it. Threads that it starts end with the process, because a thread
takes that property over from the one that starts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class OverBudget(Exception):
    """The call has not ended in its time."""


class ThreadsLeft(Exception):
    """The call has ended and left threads running."""


class _Call(Generic[Result]):
    """One call on a thread of its own."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self.result: list[Result] = []
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, SystemExit too
            self.error = error


def call_bounded(function: Callable[[], Result], budget_s: float) -> Result:
    """Call a function and return its result.

    Args:
        function: without arguments.
        budget_s: seconds that it may take.

    Raises:
        OverBudget: it has not ended.
        ThreadsLeft: it has left threads running.
        BaseException: whatever it raises.
    """
    before = set(threading.enumerate())
    call = _Call(function)
    thread = threading.Thread(target=call, name="ratchet-plugin-start", daemon=True)
    thread.start()
    thread.join(budget_s)
    if thread.is_alive():
        message = f"it has not ended after {budget_s:g} s"
        raise OverBudget(message)
    if call.error is not None:
        raise call.error
    left = sorted(item.name for item in threading.enumerate() if item not in before)
    if left:
        message = f"it left threads running: {', '.join(left)}; start them when they are needed"
        raise ThreadsLeft(message)
    return call.result[0]
