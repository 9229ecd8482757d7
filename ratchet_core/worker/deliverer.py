"""The deliverer: a process per host that brings the outputs of ended runs to their destinations.

Plugins send from a few threads, in no transaction. What this process holds when it dies is taken
over once its lease has run out: a delivery happens at least once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from ratchet_core.domain.delivery import DeliveryEnd, DeliveryPolicy
from ratchet_core.engine.deliver import Deliveries, Parcel
from ratchet_core.errors import RatchetError
from ratchet_core.sdk.output import OutputDestination
from ratchet_core.worker.parcel import Sender

#: Longest sleep; also how often it looks whether it is to end.
LOOK_S: Final = 1.0
#: How often attempts of dead processes are looked for.
REAP_S: Final = 5.0
#: Pause after the database did not answer.
_REST_S: Final = 1.0

_log = logging.getLogger(__name__)


class Waits(Protocol):
    """Wakes when runs move; see `dispatch.notices.Listener`."""

    def wait(self, timeout_s: float) -> bool | None:
        """Wait for a notice; None at once where none can come."""
        ...


class Deliverer:
    """Delivers until it is asked to end.

    Args:
        deliveries: the verbs.
        sender: sends one parcel.
        kinds: what plugins deliver to; closed at the end.
        slots: most deliveries at once.
        notices: wake it.
        is_asked: whether to end.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        sender: Sender,
        kinds: Mapping[str, OutputDestination],
        *,
        slots: int,
        notices: Waits,
        is_asked: Callable[[], bool],
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._kinds = kinds
        self._slots = slots
        self._notices = notices
        self._is_asked = is_asked
        self._free = threading.Semaphore(slots)
        self._ended = threading.Event()
        self._reap_at = 0.0

    def run(self) -> None:
        """Hand over, claim and send until asked to end; then finish what is being sent."""
        with ThreadPoolExecutor(self._slots, thread_name_prefix="deliver") as pool:
            while not self._is_asked():
                try:
                    if not self._work(pool):
                        self._rest()
                except RatchetError as error:
                    _log.warning("deliveries: %s", error.message)
                    time.sleep(_REST_S)
                except Exception:  # noqa: BLE001 - one failed look must not end the deliveries
                    _log.exception("deliveries failed once")
                    time.sleep(_REST_S)
        self.close()

    def work_off(self) -> int:
        """Deliver on this thread what is due now; return how many attempts were made."""
        made = 0
        while True:
            handed_over = self._deliveries.hand_over()
            parcels = self._deliveries.claim(self._slots)
            for parcel in parcels:
                self._send(parcel)
            made += len(parcels)
            if not handed_over and not parcels:
                return made

    def close(self) -> None:
        """Have plugins give back their connections."""
        for kind in self._kinds.values():
            kind.close()

    def _work(self, pool: ThreadPoolExecutor) -> bool:
        """Do what is due; tell whether there was anything."""
        now = time.monotonic()
        if now >= self._reap_at:
            self._reap_at = now + REAP_S
            if late := self._deliveries.reap():
                _log.warning("%d deliveries were left behind and are tried again", late)
        due_s = self._deliveries.next_in_s()
        if due_s is None or due_s > 0:
            return False
        handed_over = self._deliveries.hand_over()
        free = self._take_free()
        parcels: Sequence[Parcel] = ()
        try:
            parcels = self._deliveries.claim(free) if free else ()
        finally:
            for _ in range(free - len(parcels)):
                self._free.release()
        for parcel in parcels:
            pool.submit(self._deliver, parcel)
        return bool(handed_over or parcels)

    def _take_free(self) -> int:
        free = 0
        while free < self._slots and self._free.acquire(blocking=False):
            free += 1
        return free

    def _deliver(self, parcel: Parcel) -> None:
        try:
            self._send(parcel)
        except Exception:  # noqa: BLE001 - on record; the lease brings the delivery back
            _log.exception("delivery %s: its end could not be stored", parcel.claimed.id)
        finally:
            self._free.release()
            self._ended.set()

    def _send(self, parcel: Parcel) -> None:
        started = time.monotonic()
        end, policy = self._sender.send(parcel)
        age_us = round((time.monotonic() - started) * 1e6)
        if not end.ok:
            claimed = parcel.claimed
            _log.warning(
                "delivery %s to '%s', attempt %d: %s",
                claimed.id,
                claimed.destination,
                claimed.attempts,
                end.message,
            )
        self._store(parcel, end, policy, age_us)

    def _store(self, parcel: Parcel, end: DeliveryEnd, policy: DeliveryPolicy, age_us: int) -> None:
        """Store an end, with patience for a database that is away for a moment."""
        until = time.monotonic() + self._sender.patience_s
        while True:
            try:
                if not self._deliveries.end(parcel.claimed, end, policy, age_us=age_us):
                    _log.warning("delivery %s was taken over by another", parcel.claimed.id)
            except RatchetError:
                if time.monotonic() > until:
                    raise
                time.sleep(_REST_S)
            else:
                return

    def _rest(self) -> None:
        """Sleep until there may be something to do."""
        due_s = self._deliveries.next_in_s()
        wait_s = LOOK_S if due_s is None else min(LOOK_S, max(due_s, 0.01))
        if self._notices.wait(wait_s) is None:
            self._ended.wait(wait_s)
        self._ended.clear()
