"""Numbers that all processes of a server add to, and that the death of none takes away.

One piece of shared memory, made before the processes are forked, holds a row of numbers for each
of them; a sum over all rows is the truth. Nobody writes into the row of a living process, so no
lock is shared, and a process that dies leaves its row to a later one, which goes on counting.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Mapping
from typing import Final

#: Most processes that count at the same time; further ones count for themselves alone.
ROWS: Final = 128
_WORD_BYTES: Final = 8


class Tally:
    """Numbers by index.

    Args:
        size: how many numbers.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._shared = mmap.mmap(-1, _WORD_BYTES * ROWS * (1 + size))
        view = memoryview(self._shared)
        owners = _WORD_BYTES * ROWS
        self._owners = view[:owners].cast("q")
        self._numbers = view[owners:].cast("d")
        self._row = -1
        self._pid = 0
        self._lock = threading.Lock()

    def add(self, amounts: Mapping[int, float]) -> None:
        """Add to numbers.

        Args:
            amounts: index to what is added.
        """
        if self._pid != os.getpid():
            self._take_row()
        start = self._row * self._size
        with self._lock:
            for index, amount in amounts.items():
                self._numbers[start + index] += amount

    def totals(self) -> list[float]:
        """Return every number, as all processes together have counted it."""
        return [sum(self._numbers[index :: self._size]) for index in range(self._size)]

    def _take_row(self) -> None:
        """Take a row that no living process has; the first look of each begins elsewhere."""
        lock, pid = threading.Lock(), os.getpid()
        for step in range(ROWS):
            row = (pid + step) % ROWS
            owner = self._owners[row]
            if owner == pid or not _is_alive(owner):
                self._owners[row] = pid
                self._row, self._lock, self._pid = row, lock, pid
                return
        self._numbers = memoryview(bytearray(_WORD_BYTES * ROWS * self._size)).cast("d")
        self._row, self._lock, self._pid = 0, lock, pid


def _is_alive(pid: int) -> bool:
    if pid == 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
