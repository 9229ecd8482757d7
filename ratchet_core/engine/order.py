"""The order of the journal: which of its entries no other can come before any more.

Sequence numbers are given out before a transaction commits, so on PostgreSQL a lower one may
become visible after a higher one (`store.reads.journal`). Whoever follows the journal stops before
a missing number until it can come no more, however long that takes: a transaction of an
application that Ratchet is embedded in may last as long as it likes.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ratchet_core.domain.views import EventView

#: A number that is missing for so long is told of; none of our own transactions lasts longer.
_LONG_GAP_S: Final = 65.0

_log = logging.getLogger(__name__)

#: Returns who writes to the journal now; None where numbers become visible in their order.
Writers = Callable[[], frozenset[str] | None]


class Gap:
    """A number that is missing in the journal: of a transaction under way, or of none.

    Args:
        writers: who wrote to the journal after the number was found missing.
        now: a clock that never jumps, in seconds.
    """

    def __init__(self, writers: frozenset[str], now: float) -> None:
        self._writers = writers
        self._told_at = now

    def is_closed(self, writers: frozenset[str], now: float) -> bool:
        """Tell whether the number can come no more, as it is missing in a later look.

        Args:
            writers: who wrote to the journal before that look.
            now: the same clock.
        """
        self._writers &= writers
        if self._writers and now - self._told_at > _LONG_GAP_S:
            self._told_at = now
            _log.warning(
                "events wait for transactions that have written to the journal and do not end: "
                "%s (virtualtransaction in pg_locks)",
                ", ".join(sorted(self._writers)),
            )
        return not self._writers


class Order:
    """Knows the gaps of one follower of the journal.

    Args:
        writers: asks who writes to the journal.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(self, writers: Writers, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._writers = writers
        self._monotonic = monotonic
        self._gaps: dict[int, Gap] = {}
        self._is_given = False  # this database shows numbers in their order

    @property
    def has_gaps(self) -> bool:
        """Whether a number is missing that may still come."""
        return bool(self._gaps)

    def before_look(self) -> frozenset[str] | None:
        """Ask who writes, before the journal is read; what it returns goes to `missing`."""
        return self._writers() if self._gaps else frozenset()

    def missing(
        self, after: int, events: Sequence[EventView], writers: frozenset[str] | None
    ) -> Collection[int]:
        """Return the places after which a number is missing that may still come.

        Args:
            after: the place up to which everything is final.
            events: what is visible after it, in order.
            writers: from `before_look`.
        """
        if self._is_given or writers is None:
            return ()
        places = [after, *(event.sequence for event in events)]
        holes = [place for place, later in itertools.pairwise(places) if later != place + 1]
        before, self._gaps = self._gaps, {}
        if not holes:
            return ()
        now = self._monotonic()
        later = self._writers()
        if later is None:
            self._is_given = True
            return ()
        for place in holes:
            gap = before.get(place)
            if gap is None or not gap.is_closed(writers, now):
                self._gaps[place] = gap or Gap(later, now)
        return self._gaps

    def final(
        self, after: int, events: Sequence[EventView], writers: frozenset[str] | None
    ) -> Sequence[EventView]:
        """Return the events before the first missing number."""
        missing = self.missing(after, events, writers)
        if not missing:
            return events
        first = min(missing)
        return [event for event in events if event.sequence <= first]
