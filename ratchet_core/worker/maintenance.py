"""Care for what nobody else cares for: silent drains, forgotten steps, deadlines, the audit.

Runs in a child process of the supervisor, so that a slow database never keeps the supervisor
from its horses. Any number of hosts may run it at the same time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from ratchet_core.errors import RatchetError
from ratchet_core.worker.verbs import ParentEngine

TICK_S: Final = 1.0
#: Between two foldings of the slots of kept totals.
_FOLD_S: Final = 60.0
#: Difference between the walks of two clocks that counts as a jump.
_JUMP_S: Final = 1.0
#: SQLite's write-ahead log is emptied above this size.
_LOG_LIMIT_BYTES: Final = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


class Rings(Protocol):
    """Wakes drains."""

    def ring(self, queue: str, count: int = 1) -> None:
        """Wake up to `count` drains of the queue."""
        ...


class TopsUp(Protocol):
    """Gives idle RQ workers a drain to host."""

    def top_up(self) -> int:
        """Enqueue what is missing; return how many."""
        ...


class Maintenance:
    """One look a second.

    Args:
        engine: the verbs.
        bell: rung for steps that wait though nobody told.
        hosts: idle RQ workers.
        queues: ours that this host serves.
        lease_s: the reaper waits that long after its start and after a jump of the clock, so
            that drains that could not renew meanwhile do so first.
        checkpoint: empties a log of the database above a size in bytes.
        seal: puts new entries of the audit log into their chain.
        monotonic: a clock that never jumps.
        wall: the clock that may.
    """

    def __init__(  # noqa: PLR0913 - parts and clocks are handed in
        self,
        engine: ParentEngine,
        bell: Rings,
        hosts: TopsUp,
        *,
        queues: Sequence[str],
        lease_s: float,
        checkpoint: Callable[[int], object] = lambda _limit: None,
        seal: Callable[[], object] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._bell = bell
        self._hosts = hosts
        self._queues = queues
        self._lease_s = lease_s
        self._checkpoint = checkpoint
        self._seal = seal
        self._monotonic = monotonic
        self._wall = wall
        self._offset = wall() - monotonic()
        self._reap_at = monotonic() + lease_s
        self._waiting: frozenset[str] = frozenset()
        self._fold_at = monotonic()

    def run(self, is_asked: Callable[[], bool]) -> None:
        """Look once a second until asked to end."""
        while not is_asked():
            try:
                self.tick()
            except RatchetError as error:
                _log.warning("maintenance: %s", error.message)
            except Exception:  # noqa: BLE001 - one failed look must not end the care for others
                _log.exception("maintenance failed once")
            time.sleep(TICK_S)

    def tick(self) -> None:
        """Look once."""
        self._hosts.top_up()
        self._ring_for_waiting()
        self._reap()
        if failed := self._engine.expire():
            _log.warning("%d runs had not ended by their deadline", failed)
        self._engine.finish_resumes()
        self._fold_totals()
        self._checkpoint(_LOG_LIMIT_BYTES)
        self._seal()

    def _ring_for_waiting(self) -> None:
        """Ring for queues that had ready steps a look ago and have them still."""
        self._engine.has_ready(self._queues)  # wakes those whose back-off has ended
        ready = {queue: self._engine.ready_count([queue]) for queue in self._queues}
        waiting = frozenset(queue for queue, count in ready.items() if count)
        for queue in waiting & self._waiting:
            self._bell.ring(queue, ready[queue])
        self._waiting = waiting

    def _fold_totals(self) -> None:
        if self._monotonic() >= self._fold_at:
            self._fold_at = self._monotonic() + _FOLD_S
            self._engine.fold_totals()

    def _reap(self) -> None:
        now = self._monotonic()
        offset = self._wall() - now
        if abs(offset - self._offset) > _JUMP_S:
            _log.warning("the clock jumped; drains get one lease of %g s to renew", self._lease_s)
            self._reap_at = now + self._lease_s
        self._offset = offset
        if now >= self._reap_at:
            self._tell(self._engine.reap())

    def _tell(self, ready: Mapping[str, int]) -> None:
        if ready:
            _log.warning("took over from silent drains; steps ready again: %s", dict(ready))
