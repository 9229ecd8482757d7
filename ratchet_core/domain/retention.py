"""How long finished runs are kept, and how much is deleted at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

#: So that a transaction that deletes all rows it may has met runs that have more.
_FILLED: Final = 0.8
#: Shortest pause between two transactions that delete.
_PAUSE_S: Final = 0.002
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


@dataclass(frozen=True, slots=True)
class Pace:
    """How long one transaction that deletes should take, and how long the others are left alone."""

    target_s: float  #: aimed at for one transaction, in seconds
    rest: float  #: pause after it, as a multiple of what it took
    fewest: int  #: rows of a table that one transaction deletes, however slow it is
    most: int  #: the same, however fast it is
    longest_s: float = math.inf  #: of a pause, in seconds, however slow it is

    def pause_after(self, took_s: float) -> float:
        """Return how long to leave the database to others."""
        return min(self.longest_s, max(_PAUSE_S, self.rest * took_s))


#: Where one writes at a time: nobody should wait for the lock for more than 5 ms, and the others
#: have it three quarters of the time.
ALONE: Final = Pace(target_s=0.003, rest=3.0, fewest=10, most=2000)
#: Where writers do not wait for each other, but share processors and disk: few meet a transaction,
#: and lose no more than a millisecond by it. On a busy machine one spends its time waiting for the
#: processor; the least number of rows and the longest pause see to it that rows go there, too.
BESIDE: Final = Pace(target_s=0.001, rest=24.0, fewest=20, most=600, longest_s=0.1)


class Urgency:
    """How short pauses have to be, so that runs are deleted as fast as they once ended.

    Whoever is slower than that will be behind for ever, however few feel it.
    """

    _LOOK_S: Final = 5.0  #: between two looks at how far it has come
    _BEHIND: Final = 1.05  #: seconds of endings deleted in a second: fewer, and pauses get shorter
    _AHEAD: Final = 1.5  #: the same: more, and they get longer again

    def __init__(self, pace: Pace) -> None:
        self._least = 1.0 / pace.rest  # a pause as long as the transaction
        self._seen: tuple[int, float] | None = None
        self.factor = 1.0  #: what pauses are to be multiplied by

    def learn(self, ended_at_us: int, now_s: float) -> None:
        """Take note of how far it has come.

        Args:
            ended_at_us: when the newest of the deleted runs had ended, in microseconds.
            now_s: monotonic.
        """
        if self._seen is None:
            self._seen = (ended_at_us, now_s)
        elapsed_s = now_s - self._seen[1]
        if elapsed_s < self._LOOK_S:
            return
        speed = (ended_at_us - self._seen[0]) / 1e6 / elapsed_s
        self._seen = (ended_at_us, now_s)
        if speed < self._BEHIND:
            self.factor = max(self._least, self.factor * 0.7)
        elif speed > self._AHEAD:
            self.factor = min(1.0, self.factor * 1.2)


class Portion:
    """How many rows of a table one transaction deletes, learnt from how long those before took."""

    def __init__(self, pace: Pace, size: int = 100) -> None:
        self._pace = pace
        self.size = size  #: rows of the next transaction

    def learn(self, rows: int, took_s: float) -> None:
        """Take note of a transaction that deleted so many rows; a full one tells enough."""
        if rows < self.size // 2 or took_s <= 0:
            return
        wanted = rows * self._pace.target_s / took_s
        grown = min(wanted, self.size * 1.5)  # up slowly: one lucky transaction proves little
        self.size = round(max(self._pace.fewest, min(self._pace.most, grown)))


class Together:
    """How many runs lose their rows in one transaction, learnt from how many rows runs had.

    Each run costs a look into every table, also where nothing of it is found: as many are taken as
    have about the rows that one transaction deletes, so that its time goes by its rows.
    """

    def __init__(self) -> None:
        self._rows_of_run = 1.0  # of the table that had most

    def count(self, rows: int) -> int:
        """Return how many runs have a little less than so many rows of a table."""
        return max(1, round(_FILLED * rows / self._rows_of_run))

    def learn(self, runs: int, rows: int, *, is_all: bool) -> None:
        """Take note of so many rows of runs that were deleted, and whether none was left."""
        if is_all:  # down slowly: some of their rows may have been deleted before
            self._rows_of_run = max(1.0, rows / runs, self._rows_of_run / 2)
        else:
            self._rows_of_run *= 2
