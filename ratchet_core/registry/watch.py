"""Noticing that definition files have changed, by looking; `ratchet up` reloads then.

Pure but for the look itself: time is handed in, nothing sleeps here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ratchet_core.registry.walk import TooManyFiles, walk

#: How long files must stay as they are before a change counts: editors write in several steps.
DEBOUNCE_S: Final = 0.5

#: Each file to its modification time in nanoseconds and its size in bytes.
Snapshot = Mapping[Path, tuple[int, int]]


def take_snapshot(paths: Sequence[Path]) -> Snapshot:
    """Return the state of every file below the paths; what is ignored when loading is left out."""
    states: dict[Path, tuple[int, int]] = {}
    for path in paths:
        try:
            files = [file for _, found in walk(path) for file in found] if path.is_dir() else [path]
        except TooManyFiles:
            files = []
        for file in files:
            try:
                status = file.stat()
            except OSError:
                continue  # it went away between the look at the directory and at the file
            states[file] = (status.st_mtime_ns, status.st_size)
    return states


class ChangeDetector:
    """Tells which files have changed since the last time it told.

    Args:
        paths: directories or files that are looked at.
        debounce_s: seconds without a further change before a change is told.
        snapshot: takes the state of the files.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        debounce_s: float = DEBOUNCE_S,
        snapshot: Callable[[Sequence[Path]], Snapshot] = take_snapshot,
    ) -> None:
        self._paths = list(paths)
        self._debounce_s = debounce_s
        self._snapshot = snapshot
        self._told = snapshot(self._paths)
        self._last = self._told
        self._changed_at = 0.0

    def changed_paths(self, now: float) -> frozenset[Path]:
        """Look at the files and return those that were added, changed or removed, once settled.

        Args:
            now: seconds on any clock that never goes back.

        Returns:
            The paths, once; empty while nothing has changed or changes still go on.
        """
        current = self._snapshot(self._paths)
        if current != self._last:
            self._last, self._changed_at = current, now
            return frozenset()
        if current == self._told or now - self._changed_at < self._debounce_s:
            return frozenset()
        before, self._told = self._told, current
        return frozenset(
            path for path in before.keys() | current.keys() if before.get(path) != current.get(path)
        )
