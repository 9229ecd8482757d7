"""Who starts a thread: known while calls of plugins are under way, and exactly.

What is running after a call and was not before may be anybody's: a server starts threads for its
requests whenever it likes. So `Thread.start` is wrapped for as long as a call goes on. A thread
belongs to the call that started it, itself or through threads of its own.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Final

_Start = Callable[[threading.Thread], None]


class _Wrapping:
    """`Thread.start` of this process, wrapped while anybody wants to know."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # the handler of a signal may start a thread, too
        self._wanted = 0
        self._plain: _Start = threading.Thread.start
        self._noting: _Start = threading.Thread.start
        #: Thread of a call, or started by one, to all threads that the call has started.
        self._started: dict[threading.Thread, list[threading.Thread]] = {}

    def begin(self, thread: threading.Thread, started: list[threading.Thread]) -> None:
        """Note from now on what a thread starts."""
        with self._lock:
            self._started[thread] = started
            self._wanted += 1
            if self._wanted == 1:
                self._plain = threading.Thread.start
                self._noting = self._wrapped(self._plain)
                threading.Thread.start = self._noting  # type: ignore[assignment, method-assign]

    def end(self, started: list[threading.Thread]) -> None:
        """Note no more; put back what was there, unless somebody has wrapped it once more."""
        with self._lock:
            self._started = {
                thread: noted for thread, noted in self._started.items() if noted is not started
            }
            self._wanted -= 1
            if self._wanted == 0 and threading.Thread.start is self._noting:
                threading.Thread.start = self._plain  # type: ignore[assignment, method-assign]

    def _wrapped(self, plain: _Start) -> _Start:
        @functools.wraps(plain)
        def start(thread: threading.Thread) -> None:
            self._note(threading.current_thread(), thread)
            plain(thread)

        return start

    def _note(self, starting: threading.Thread, thread: threading.Thread) -> None:
        """Note a thread before it runs: it may start others at once."""
        with self._lock:
            started = self._started.get(starting)
            if started is not None and thread.ident is None:
                started.append(thread)
                self._started.setdefault(thread, started)


_WRAPPING: Final = _Wrapping()


@contextlib.contextmanager
def starts_of(thread: threading.Thread) -> Iterator[list[threading.Thread]]:
    """Give a list that grows by the threads that a thread, or one of those, starts in the block.

    Args:
        thread: not started yet.
    """
    started: list[threading.Thread] = []
    _WRAPPING.begin(thread, started)
    try:
        yield started
    finally:
        _WRAPPING.end(started)
