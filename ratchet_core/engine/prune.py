"""Prune: finished runs are deleted once they are old enough, a little at a time.

Each call deletes one portion, in a short transaction that lets others go first; whoever calls
pauses between them. Where an export is wanted, it is on the disk before a run goes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from ratchet_core.domain.retention import (
    ALONE,
    BESIDE,
    Portion,
    Retention,
    Together,
    Urgency,
)
from ratchet_core.engine.core import Core
from ratchet_core.store import prune as stored
from ratchet_core.store.database import Tx

Answer = TypeVar("Answer")

#: Runs that were left half deleted, of which one look finds so many.
_RESUMED: Final = 200


class Exports(Protocol):
    """Writes runs somewhere else before they are deleted."""

    def write(self, run_ids: Sequence[str]) -> None:
        """Write runs with everything that belongs to them; on return they are on the disk.

        Raises:
            OSError: they are not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one portion has deleted."""

    runs: int = 0  #: that are gone
    rows: int = 0  #: that belonged to runs
    took_s: float = 0.0  #: longest transaction, in seconds

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing more to delete."""
        return not self.runs and not self.rows


class Pruner:
    """Deletes what is older than a retention allows.

    Args:
        core: the shared parts.
        retention: how long runs are kept.
        export: gets runs before they are deleted; None where nobody wants them.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        core: Core,
        retention: Retention,
        export: Exports | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core = core
        self._retention = retention
        self._export = export
        self._clock = clock
        self._pace = ALONE if core.database.dialect == "sqlite" else BESIDE
        self._runs = Portion(self._pace, 50)
        self._rows = Portion(self._pace, 100)
        self._together = Together()
        self._urgencies: dict[str, Urgency] = {}  # by namespace
        self._factor = 1.0  # of pauses
        self._gone: list[str] = []  # whose rows are not all deleted
        self._has_resumed = False  # nothing is left of whoever was interrupted before
        self._places: dict[str, stored.Place] = {}  # how far each namespace is deleted

    def portion(self) -> Pruned:
        """Delete one portion: rows of runs that are gone, or else the next runs.

        Raises:
            OSError: the export cannot be written; nothing is deleted then.
        """
        if not self._gone and not self._has_resumed:
            self._has_resumed = not self._find_gone()
        if self._gone:
            return self._delete_rows()
        pruned = self._remove_runs()
        if pruned.is_nothing and self._find_gone():  # somebody else was interrupted meanwhile
            return self._delete_rows()
        return pruned

    def run(self, wait: Callable[[float], object], is_asked: Callable[[], bool]) -> Pruned:
        """Delete portion by portion until nothing is left, or somebody asks to end.

        Args:
            wait: sleeps so many seconds.
            is_asked: tells whether to end.
        """
        runs = rows = 0
        longest_s = 0.0
        while not is_asked():
            pruned = self.portion()
            if pruned.is_nothing:
                break
            runs, rows = runs + pruned.runs, rows + pruned.rows
            longest_s = max(longest_s, pruned.took_s)
            began = self._clock()
            self._core.database.checkpoint()
            pause_s = self._pace.pause_after(pruned.took_s + self._clock() - began)
            wait(pause_s * self._factor)
        return Pruned(runs, rows, longest_s)

    def delete_what_belongs_to_no_run(self) -> None:
        """Delete drains that ended, and events of no run, longer ago than any run is kept."""
        keep_s = self._retention.longest_s
        if keep_s is None:
            return
        drains = functools.partial(stored.delete_drains, keep_s=keep_s)
        events = functools.partial(stored.delete_events_of_no_run, keep_s=keep_s)
        database = self._core.database
        database.transact(drains, durable=False, polite=True)
        while database.transact(events, durable=False, polite=True):
            pass

    def _find_gone(self) -> bool:
        with self._core.database.read() as tx:
            self._gone = stored.removed(tx, _RESUMED)
        return bool(self._gone)

    def _remove_runs(self) -> Pruned:
        for unchanged in self._old():
            if self._export is not None:
                self._export.write(list(unchanged))
            remove = functools.partial(stored.remove_runs, unchanged=unchanged)
            removed, took_s = self._timed(remove)
            self._runs.learn(len(unchanged), took_s)
            if removed:
                self._gone = removed
                return Pruned(runs=len(removed), took_s=took_s)
        return Pruned()

    def _old(self) -> Iterable[dict[str, int]]:
        """Yield, for each namespace that has some, its oldest runs that may go."""
        with self._core.database.read() as tx:
            kept = stored.newest_writers(tx)
            names = stored.namespaces(tx)
        for name in names:
            keep_s = self._retention.keep_s_of(name)
            if keep_s is None:
                continue
            found = self._next(name, keep_s, self._runs.size + len(kept))
            old = {run_id: changed for run_id, changed in found.items() if run_id not in kept}
            if old:
                yield old

    def _next(self, namespace: str, keep_s: float, limit: int) -> Mapping[str, int]:
        """Return what comes after the last look; after the end, what was left alone before."""
        place = self._places.get(namespace, stored.START)
        with self._core.database.read() as tx:
            found = stored.finished(tx, namespace, keep_s, limit, place)
            if not found.unchanged and place != stored.START:
                found = stored.finished(tx, namespace, keep_s, limit, stored.START)
        self._places[namespace] = found.end
        if found.unchanged:
            urgency = self._urgencies.setdefault(namespace, Urgency(self._pace))
            urgency.learn(found.end.ended_at, self._clock())
            self._factor = urgency.factor
        return found.unchanged

    def _delete_rows(self) -> Pruned:
        size = self._rows.size
        some = self._gone[: self._together.count(size)]
        done, took_s = self._timed(lambda tx: stored.delete_rows(tx, some, size), pipelined=True)
        self._together.learn(len(some), done.most, is_all=done.is_all)
        self._rows.learn(done.most, took_s)
        if done.is_all:
            del self._gone[: len(some)]
        return Pruned(rows=max(1, done.rows), took_s=took_s)

    def _timed(
        self, work: Callable[[Tx], Answer], *, pipelined: bool = False
    ) -> tuple[Answer, float]:
        """Do work in a transaction that waits for nobody's disk; return how long it took."""
        took_s = 0.0

        def timed(tx: Tx) -> Answer:
            nonlocal took_s
            began = self._clock()
            answer = work(tx)
            took_s = self._clock() - began
            return answer

        database = self._core.database
        return database.transact(timed, durable=False, polite=True, pipelined=pipelined), took_s
