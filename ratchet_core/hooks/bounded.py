"""Calls that may take too long or leave threads behind: imports and registrations of plugins.

They run on a thread of their own. One that is over its time is left behind: it cannot be stopped,
but the process goes on without it. Threads that it starts end with the process, because a thread
takes that property over from the one that starts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from ratchet_core.errors import Unavailable
from ratchet_core.hooks.leak import modules_of
from ratchet_core.hooks.patience import ended_within
from ratchet_core.hooks.starts import starts_of

Result = TypeVar("Result")

#: A thread that has done its work may take so long until it is gone.
_ENDING_S: Final = 1.0
#: Threads that run code of this package are ours, such as the one that looks a host name up.
_OURS: Final = "ratchet_core"


class OverBudget(Exception):
    """The call has not ended in its time."""


class ThreadsLeft(Exception):
    """The call has ended and left threads running."""


class NoThread(Unavailable):
    """The system gives no thread to make the call on: nobody's fault who is called."""


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
        budget_s: seconds that it may take; see `patience` for what counts.

    Raises:
        OverBudget: it has not ended.
        ThreadsLeft: it has left threads running that it had started.
        NoThread: it was not called.
        BaseException: whatever it raises.
    """
    call = _Call(function)
    thread = threading.Thread(target=call, name="ratchet-plugin-start", daemon=True)
    with starts_of(thread) as started:
        _start(thread)
        if not ended_within(thread, budget_s):
            message = f"it has not ended after {budget_s:g} s"
            raise OverBudget(message)
        if call.error is not None:
            raise call.error
        left = _left(started)
    if left:
        message = f"it left threads running: {', '.join(left)}; start them when they are needed"
        raise ThreadsLeft(message)
    return call.result[0]


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        message = f"the system gives no thread to call plugins on ({error}); try again"
        raise NoThread(message) from None


def _left(started: Iterable[threading.Thread]) -> list[str]:
    """Return the names of the threads that go on; those that are about to end get their time."""
    left: list[str] = []
    for thread in started:
        if any(name.partition(".")[0] == _OURS for name in modules_of(thread)):
            continue
        if not ended_within(thread, 0.0 if left else _ENDING_S):
            left.append(thread.name)
    return sorted(left)
