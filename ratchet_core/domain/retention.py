"""How long finished runs are kept, and how much is deleted at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

#: A transaction that deletes may hold SQLite's write lock for 5 ms; this is aimed at.
TARGET_S: Final = 0.003
#: Shortest pause between two such transactions: others get the lock meanwhile.
PAUSE_S: Final = 0.002
_FEWEST: Final = 10
_MOST: Final = 2000
#: No run is deleted earlier after its end: a step that was cancelled may still be ending.
SHORTEST_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished runs are kept, by namespace."""

    keep_s: float | None = None  #: where nothing else is said, in seconds; None: for ever
    namespaces: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))

    def keep_s_of(self, namespace: str) -> float | None:
        """Return for how many seconds runs of a namespace are kept; None: for ever."""
        keep_s = self.namespaces.get(namespace, self.keep_s)
        return None if keep_s is None else max(SHORTEST_S, keep_s)

    @property
    def longest_s(self) -> float | None:
        """The longest time that any run is kept; None: for ever."""
        all_s = [self.keep_s, *self.namespaces.values()]
        known = [keep_s for keep_s in all_s if keep_s is not None]
        return max(known) if len(known) == len(all_s) else None


class Portion:
    """How many rows one transaction deletes, learnt from how long the ones before took."""

    def __init__(self, size: int = 100) -> None:
        self.size = size  #: rows of the next transaction

    def learn(self, rows: int, took_s: float) -> None:
        """Take note of a transaction that deleted so many rows; a full one tells enough."""
        if rows < self.size // 2 or took_s <= 0:
            return
        wanted = rows * TARGET_S / took_s
        grown = min(wanted, self.size * 1.5)  # up slowly: one lucky transaction proves little
        self.size = round(max(_FEWEST, min(_MOST, grown)))


def pause_after(took_s: float) -> float:
    """Return how long to leave the database to others: at least three quarters of the time."""
    return max(PAUSE_S, 3 * took_s)
