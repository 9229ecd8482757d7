"""Signals of a process that watches others: counted, and waking it at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Final, Self

#: Signals that ask a process to end, at a terminal or not.
ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeup:
    """Counts the requests to end; used as a context, once, in the main thread.

    Args:
        asking: signals that ask to end. The end of a child wakes, too.
    """

    def __init__(self, asking: Sequence[signal.Signals] = ASKING) -> None:
        self.asked = 0  #: requests to end so far
        self._asking = asking
        self._reader = self._writer = -1
        self._poll = select.poll()  # `select` takes no descriptor above 1,023
        self._before: dict[signal.Signals, signal._HANDLER] = {}
        self._fd_before = -1

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poll.register(self._reader, select.POLLIN)
        self._fd_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (*self._asking, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a signal comes or the time is over."""
        if self._poll.poll(timeout_s * 1e3):
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, 4096)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.asked += 1
