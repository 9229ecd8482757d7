"""The feed: one thread per process that follows the journal for all subscribers.

Subscribers hold a place in the journal and no queue: what they have not taken yet is read from the
newest entries in memory, or, where they fell behind those, from the database. So a slow reader
costs no memory, misses nothing and slows nobody. The thread is woken by notices; without Redis it
looks a few times a second.
"""

from __future__ import annotations

import bisect
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from ratchet_core.dispatch.notices import Listener, Notices
from ratchet_core.domain.views import EventView
from ratchet_core.engine.order import Order
from ratchet_core.errors import RatchetError
from ratchet_core.store.reads import JournalStart, Reads

#: Newest entries that are kept in memory.
KEPT: Final = 2000
#: Entries that one look takes.
_LOOK: Final = 1000
#: Longest pause between two looks while notices come.
_CHECK_S: Final = 1.0
#: Pause between two looks while a number is missing.
_GAP_LOOK_S: Final = 0.02
#: Pause after the database did not answer.
_REST_S: Final = 1.0
#: Time without any follower after which the thread ends.
_LINGER_S: Final = 10.0

_log = logging.getLogger(__name__)


class Follower:
    """Somebody who waits for news of one run, or of all."""

    def __init__(self) -> None:
        self._news = threading.Event()
        self._stopped = False

    @property
    def is_stopped(self) -> bool:
        """Whether its owner wants no more news."""
        return self._stopped

    def stop(self) -> None:
        """Want no more news; wakes whoever waits for some."""
        self._stopped = True
        self._news.set()

    def wake(self) -> None:
        """Tell that there may be news."""
        self._news.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for news; False when time is up."""
        woken = self._news.wait(timeout_s)
        self._news.clear()
        return woken


class Feed:
    """Follows the journal of one database.

    Args:
        reads: of the database.
        notices: wake it; hints.
        poll_interval_s: pause between two looks without Redis.
    """

    def __init__(self, reads: Reads, notices: Notices, poll_interval_s: float) -> None:
        self._reads = reads
        self._notices = notices
        self._poll_interval_s = poll_interval_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._idle_since = 0.0
        self._closed = False
        self._of_run: dict[str, set[Follower]] = {}
        self._of_all: set[Follower] = set()
        self._kept: deque[EventView] = deque(maxlen=KEPT)
        self._floor = 0  # entries after this place and up to the settled one are kept
        self._settled = 0  # up to here everything is known, in order
        self._ahead: set[int] = set()  # known entries after a gap
        self._order = Order(reads.journal_writers)
        self._unread = False  # the last look did not reach the end

    @property
    def is_closed(self) -> bool:
        """Whether the process is about to end."""
        return self._closed

    def close(self) -> None:
        """Wake everybody for good: the process is about to end. Takes no lock."""
        self._closed = True
        for group in (self._of_all, *list(self._of_run.values())):
            for follower in list(group):
                follower.wake()

    @contextlib.contextmanager
    def following(self, follower: Follower, run_id: str | None = None) -> Iterator[None]:
        """Wake a follower at news of one run, or of all, for the time of the block."""
        with self._lock:
            group = self._of_all if run_id is None else self._of_run.setdefault(run_id, set())
            group.add(follower)
            if self._thread is None:
                self._start()
        try:
            yield
        finally:
            with self._lock:
                group.discard(follower)
                if run_id is not None and not group:
                    self._of_run.pop(run_id, None)
                self._idle_since = time.monotonic()

    @property
    def settled(self) -> int:
        """The place up to which the order of entries is final."""
        with self._lock:
            return self._settled

    def start(self) -> JournalStart:
        """Return where to begin, to meet all that is committed from now on."""
        with self._lock:
            settled = None if self._thread is None else self._settled
        return self._reads.journal_start(settled)

    def since(self, place: int, limit: int = 200) -> tuple[EventView, ...]:
        """Return the entries after a place whose order is final, oldest first."""
        with self._lock:
            settled = self._settled
            if place >= settled:
                return ()
            if place >= self._floor:
                start = bisect.bisect_right(self._kept, place, key=lambda event: event.sequence)
                return tuple(
                    self._kept[index] for index in range(start, min(start + limit, len(self._kept)))
                )
        return self._reads.journal_between(place, settled, limit)

    def _start(self) -> None:
        """Begin before the first number at the end of the journal that is missing still."""
        self._settled = self._floor = self._reads.journal_start().place
        self._kept.clear()
        self._ahead.clear()
        self._order = Order(self._reads.journal_writers)
        self._idle_since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="ratchet-feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.closing(self._notices.listener()) as listener:
            while self._is_needed():
                try:
                    self._look()
                except RatchetError as error:
                    _log.warning("the feed cannot read the journal: %s", error.message)
                    time.sleep(_REST_S)
                except Exception:  # noqa: BLE001 - a thread that ends would leave all followers waiting
                    _log.exception("the feed failed to read the journal; it goes on")
                    time.sleep(_REST_S)
                else:
                    self._pause(listener)

    def _is_needed(self) -> bool:
        with self._lock:
            is_followed = bool(self._of_all or self._of_run)
            is_idle = not is_followed and time.monotonic() - self._idle_since > _LINGER_S
            if is_idle or self._closed:
                self._thread = None
                return False
            return True

    def _pause(self, listener: Listener) -> None:
        if self._order.has_gaps:
            time.sleep(_GAP_LOOK_S)
        elif not self._unread and listener.wait(_CHECK_S) is None:
            time.sleep(self._poll_interval_s)

    def _look(self) -> None:
        writers = self._order.before_look()
        events = self._reads.journal_tail(self._settled, _LOOK)
        self._unread = len(events) == _LOOK
        missing = self._order.missing(self._settled, events, writers)
        fresh = [event for event in events if event.sequence not in self._ahead]
        with self._lock:
            settled = self._settle(events, missing)
            woken = {follower for event in fresh for follower in self._of_run.get(event.run_id, ())}
            if settled:
                woken |= self._of_all
        for follower in woken:
            follower.wake()

    def _settle(self, events: Sequence[EventView], missing: Collection[int]) -> bool:
        """Take over what is final now; False where nothing is."""
        place = before = self._settled
        for event in events:
            if place in missing:
                break
            if len(self._kept) == KEPT:
                self._floor = self._kept[0].sequence
            self._kept.append(event)
            place = event.sequence
        self._settled = place
        self._ahead = {event.sequence for event in events if event.sequence > place}
        return place > before
