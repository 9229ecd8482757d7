"""Keeps step code from taking the interpreter away while the flusher is in a transaction.

A step that holds the interpreter in C would cut the flusher short in the middle of a transaction,
and with SQLite every writer of every process would wait for that one. So the flusher asks the
thread that runs steps to rest at its next bytecode, by a signal that nobody else uses, and lets
it go when the transaction is over: some milliseconds, for slow steps only.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Final

#: Ignored by default, and used by no library for its urgent data any more.
_SIGNAL: Final = signal.SIGURG
#: How long the flusher waits for the rest to begin. Without an answer the thread is in C code
#: that lets others run, and will rest as soon as it returns from there.
_REACH_S: Final = 0.05
#: Longest rest, whatever the database does.
_REST_S: Final = 0.5


class Pause:
    """Enter it from the flusher: the main thread rests until it is left."""

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._is_wanted = False
        self._reached = threading.Event()
        self._over = threading.Event()
        self._before: object = None
        self._is_installed = False

    def install(self) -> None:
        """Take the signal, where this thread may; else entering does nothing."""
        if threading.get_ident() != self._main:
            return
        self._before = signal.signal(_SIGNAL, self._rest)
        signal.siginterrupt(_SIGNAL, False)  # noqa: FBT003 - system calls go on where they can
        self._is_installed = True

    def uninstall(self) -> None:
        """Give the signal back."""
        if self._is_installed:
            signal.signal(_SIGNAL, self._before)  # type: ignore[arg-type]
            self._is_installed = False

    def __enter__(self) -> None:
        if not self._is_installed or self._main is None:
            return
        self._reached.clear()
        self._over.clear()
        self._is_wanted = True
        signal.pthread_kill(self._main, _SIGNAL)
        self._reached.wait(_REACH_S)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._is_wanted = False
        self._over.set()

    def _rest(self, _number: int, _frame: object) -> None:
        if self._is_wanted:
            self._reached.set()
            self._over.wait(_REST_S)
