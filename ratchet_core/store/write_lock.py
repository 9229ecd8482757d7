"""The one lock that every SQLite write transaction takes first, fair to short submits.

Two files: the lock itself, and a queue whose shared lock says "somebody waits". Drains, which
write without end, look at the queue and pause when somebody is in it; so a submit waits for one
drain transaction at most. The kernel frees both when a process dies.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: How long a drain steps aside when somebody waits.
PAUSE_S: Final = 0.002


class WriteLock:
    """Exclusive between threads and processes; safe to carry through a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: tuple[int, int] | None = None
        self._threads = threading.Lock()
        self._holder: int | None = None  #: thread that holds it
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (call := forget()) and call())

    def _forget(self) -> None:
        """In a forked child: the parent's lock is not ours, and must not outlive the parent."""
        self._threads = threading.Lock()
        self._holder = None
        self._close()

    def _close(self) -> None:
        files, self._files = self._files, None
        for descriptor in files or ():
            os.close(descriptor)

    def __del__(self) -> None:
        """Give the files back: whoever still uses the lock keeps it alive."""
        self._close()

    @contextmanager
    def held(self, *, polite: bool) -> Iterator[None]:
        """Hold the lock for the block.

        Args:
            polite: step aside once for those who wait already.

        Raises:
            RuntimeError: this thread holds it already, and would wait for itself.
        """
        if self._holder == threading.get_ident():
            message = "this thread holds the write lock already: end the turn or transaction first"
            raise RuntimeError(message)
        lock, queue = self._descriptors()
        if polite:
            self._step_aside(queue)
        with self._threads:
            if polite:
                fcntl.flock(lock, fcntl.LOCK_EX)
            else:
                self._queue_for(lock, queue)
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None
                fcntl.flock(lock, fcntl.LOCK_UN)

    def _queue_for(self, lock: int, queue: int) -> None:
        fcntl.flock(queue, fcntl.LOCK_SH)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)

    def _step_aside(self, queue: int) -> None:
        if self._threads.locked():
            return  # a thread of our own waits or writes: the thread lock orders us
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(PAUSE_S)
        else:
            fcntl.flock(queue, fcntl.LOCK_UN)

    def _descriptors(self) -> tuple[int, int]:
        if self._files is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            queue = self._path.with_name(self._path.name + ".queue")
            self._files = (os.open(self._path, flags, 0o600), os.open(queue, flags, 0o600))
        return self._files
