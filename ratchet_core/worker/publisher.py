"""The publisher: tells subscribers of events, each on a thread of its own, out of the journal.

A subscriber's place is stored after it was told, so nothing is lost when this process dies, and
what it was told last may come again. Each subscriber is told by one process at a time, however many
hosts there are. One that blocks holds up itself alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ratchet_core.domain.catalogue import event_of
from ratchet_core.domain.views import EventView
from ratchet_core.engine.order import Order
from ratchet_core.errors import RatchetError
from ratchet_core.hooks.calls import Listener
from ratchet_core.store import cursors
from ratchet_core.store.database import Database
from ratchet_core.store.reads import JournalStart

#: How long a process that tells a subscriber may be silent.
LEASE_S: Final = 30.0
#: Events that one look takes.
_LOOK: Final = 500
#: A place is stored after so many events, or so much time.
_STORE_AFTER: Final = 100
_STORE_AFTER_S: Final = 1.0
#: Pause where nothing is new, where another process is at it, and after a failure.
_REST_S: Final = 0.2
_OTHERS_S: Final = 5.0

_log = logging.getLogger(__name__)


class ReadsJournal(Protocol):
    """The queries of a publisher; `store.reads.Reads` has them."""

    def journal_tail(self, after: int, limit: int) -> tuple[EventView, ...]:
        """Return what the journal holds after a number, as far as it is visible."""
        ...

    def journal_writers(self) -> frozenset[str] | None:
        """Return who writes to the journal now; None where numbers come in order."""
        ...

    def journal_start(self) -> JournalStart:
        """Return where to begin, to meet all that is committed from now on."""
        ...


class Publisher:
    """Tells every subscriber until asked to end.

    Args:
        database: holds the places of subscribers.
        reads: of the same database.
        listeners: who is told, by the name that its place is stored under.
        process: UUIDv7 of this process.
    """

    def __init__(
        self,
        database: Database,
        reads: ReadsJournal,
        listeners: Sequence[Listener],
        process: str,
    ) -> None:
        asked = threading.Event()
        self._asked = asked
        self._threads = [
            threading.Thread(
                target=_Telling(database, reads, listener, process, asked).run,
                name=f"ratchet-events-{listener.name}",
                daemon=True,
            )
            for listener in listeners
        ]

    def run(self, is_asked: Callable[[], bool]) -> None:
        """Tell until asked to end; then wait shortly for calls under way."""
        for thread in self._threads:
            thread.start()
        while not is_asked():
            time.sleep(_REST_S)
        self._asked.set()
        for thread in self._threads:
            thread.join(_OTHERS_S / max(1, len(self._threads)))


class _Telling:
    """One subscriber."""

    def __init__(
        self,
        database: Database,
        reads: ReadsJournal,
        listener: Listener,
        process: str,
        asked: threading.Event,
    ) -> None:
        self._database = database
        self._reads = reads
        self._listener = listener
        self._process = process
        self._asked = asked
        self._order = Order(reads.journal_writers)
        self._start: JournalStart | None = None  # where it was this process that let it begin

    def run(self) -> None:
        while not self._asked.is_set():
            try:
                rest_s = self._turn()
            except RatchetError as error:
                _log.warning("events for '%s' wait: %s", self._listener.name, error.message)
                rest_s = _OTHERS_S
            except Exception:  # noqa: BLE001 - a thread that ends would leave its subscriber waiting
                _log.exception("telling '%s' of events failed once", self._listener.name)
                rest_s = _OTHERS_S
            self._asked.wait(rest_s)
        self._leave()

    def _turn(self) -> float:
        """Tell what is new; return for how many seconds to rest."""
        if self._listener.is_out():
            return _REST_S
        place = self._claim()
        if place is None:
            return _OTHERS_S
        renewed = time.monotonic()
        while not self._asked.is_set() and not self._listener.is_out():
            writers = self._order.before_look()
            seen = self._reads.journal_tail(place, _LOOK)
            events = self._order.final(place, seen, writers)
            if not events and time.monotonic() - renewed > LEASE_S / 3:
                return 0.0
            if events:
                place = self._tell(events)
                if not self._advance(place):
                    return 0.0  # another process has taken over
                renewed = time.monotonic()
            else:
                self._asked.wait(_REST_S)
        return 0.0

    def _claim(self) -> int | None:
        """Take the subscriber; a new one begins here. None while another process tells it."""
        name, process = self._listener.name, self._process
        with self._database.read() as tx:
            is_known = cursors.is_known(tx, name)
        if not is_known:
            start = self._reads.journal_start()
            if self._database.transact(
                lambda tx: cursors.begin(tx, name, process, start.place, LEASE_S), durable=False
            ):
                self._start = start
        return self._database.transact(
            lambda tx: cursors.claim(tx, name, process, LEASE_S), durable=False
        )

    def _tell(self, events: Sequence[EventView]) -> int:
        """Tell some events; return the place of the last one that was told."""
        began = time.monotonic()
        place = events[0].sequence
        for view in events[:_STORE_AFTER]:
            if self._start is None or self._start.is_new(view.sequence):
                self._listener.tell(event_of(view))
            place = view.sequence
            if self._asked.is_set() or time.monotonic() - began > _STORE_AFTER_S:
                break
        return place

    def _advance(self, place: int) -> bool:
        return self._database.transact(
            lambda tx: cursors.advance(tx, self._listener.name, self._process, place, LEASE_S),
            durable=False,
        )

    def _leave(self) -> None:
        try:
            self._database.transact(
                lambda tx: cursors.leave(tx, self._listener.name, self._process), durable=False
            )
        except RatchetError as error:
            _log.info("the place of '%s' stays taken: %s", self._listener.name, error.message)
