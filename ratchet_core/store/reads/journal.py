"""Reading the journal across runs, and runs together with their place in it.

Sequence numbers are given out before a transaction commits: on PostgreSQL a lower one may become
visible after a higher one. Whoever writes to the journal holds a lock on it until then: `writers`
tells a follower when a missing number can come no more. The journal of one run has no such gaps,
since its transactions hold the run's lock.

Who begins at the newest entry would miss those that are written but not committed then: `start`
tells which numbers are missing at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, select, text, union_all

from ratchet_core.domain.views import EventView, RunView
from ratchet_core.errors import RunNotFound
from ratchet_core.store.clock import now_us
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.reads.place import BRANCHES, first_at
from ratchet_core.store.reads.rows import event_view, run_view
from ratchet_core.store.schema import journal, runs

_PLACE_OF_RUN = (
    select(func.coalesce(func.max(journal.c.sequence), 0))
    .where(journal.c.run_id == runs.c.id)
    .scalar_subquery()
)
_LOCKS = (
    "FROM pg_locks l {join} WHERE l.locktype = 'relation'"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.relation = 'journal'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted"
)
_WRITERS = text(f"SELECT l.virtualtransaction {_LOCKS.format(join='')}")
#: Age of the oldest transaction that writes to the journal; NULL without any. That of another
#: role's is hidden.
_OLDEST_S = text(
    "SELECT max(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, clock_timestamp()"  # noqa: S608 - constants
    f" - interval '10 minutes'))) "
    f"{_LOCKS.format(join='LEFT JOIN pg_stat_activity a ON a.pid = l.pid')}"
)
#: In one statement, and so at one moment: the holes after a place, and the last entry.
_HOLES = text(
    "SELECT before, sequence, later IS NULL FROM (SELECT sequence,"
    " lag(sequence, 1, :place) OVER (ORDER BY sequence) AS before,"
    " lead(sequence) OVER (ORDER BY sequence) AS later"
    " FROM journal WHERE sequence > :place) AS entries"
    " WHERE later IS NULL OR sequence <> before + 1 ORDER BY sequence"
)
#: Numbers that are given out within the time after which a transaction counts as long: many more
#: than any database of ours stores.
_NUMBERS: Final = 20_000
_LONG_S: Final = 0.5
#: What an entry's time may differ from that at which its number was given out.
_SKEW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class JournalStart:
    """Where to begin to follow the journal, to meet all that is committed from a moment on."""

    place: int  #: no entry up to here comes after that moment
    end: int  #: number of the last entry that was visible
    missing: tuple[range, ...] = ()  #: numbers between the two that were not

    def is_new(self, sequence: int) -> bool:
        """Tell whether an entry was not visible at that moment."""
        return sequence > self.end or any(sequence in numbers for numbers in self.missing)


def tail(tx: Tx, after: int, limit: int) -> tuple[EventView, ...]:
    """Return what the journal holds after a sequence number, as far as it is visible."""
    return _events(tx, _after(after, limit))


def writers(tx: Tx, dialect: str) -> frozenset[str] | None:
    """Return who writes to the journal now; None where numbers become visible in their order."""
    return frozenset(tx.execute(_WRITERS).scalars()) if dialect == "postgresql" else None


def end(tx: Tx) -> int:
    """Return the highest sequence number that is visible; 0 in an empty journal."""
    return int(tx.execute(select(func.coalesce(func.max(journal.c.sequence), 0))).scalar_one())


def start(tx: Tx, dialect: str, settled: int | None = None) -> JournalStart:
    """Return where to begin, so that all that is committed after this call is met.

    Args:
        tx: a look in which each statement sees the newest state.
        dialect: name of the database's.
        settled: a place up to which no entry can come any more, where one is known.
    """
    if dialect != "postgresql":
        last = end(tx)
        return JournalStart(place=last, end=last)
    place = _settled(tx) if settled is None else settled
    last, missing = _holes(tx, place)
    return JournalStart(place=missing[0].start - 1 if missing else last, end=last, missing=missing)


def _settled(tx: Tx) -> int:
    """Return a place up to which no entry can come any more; PostgreSQL.

    Whoever has taken a number up to the last visible one holds its lock, or has ended. Those who do
    took their numbers after they began: entries from before that are theirs no more.
    """
    last = end(tx)
    oldest_s = tx.execute(_OLDEST_S).scalar()
    if oldest_s is None:
        return last
    first = max(0, last - _NUMBERS)
    if oldest_s <= _LONG_S:
        return first
    at_us = tx.execute(select(now_us())).scalar_one() - round((float(oldest_s) + _SKEW_S) * 1e6)
    return min(first, first_at(tx, journal, at_us) - 1)


def _holes(tx: Tx, place: int) -> tuple[int, tuple[range, ...]]:
    """Return the last number after a place, and those before it that are missing."""
    last, missing = place, []
    for before, sequence, is_last in tx.execute(_HOLES, {"place": place}):
        if sequence != before + 1:
            missing.append(range(before + 1, sequence))
        if is_last:
            last = sequence
    return last, tuple(missing)


def between(tx: Tx, after: int, upto: int, limit: int) -> tuple[EventView, ...]:
    """Return entries after one sequence number and up to another, oldest first."""
    return _events(tx, _after(after, limit).where(journal.c.sequence <= upto))


def run_at(tx: Tx, run_id: str) -> tuple[RunView, int]:
    """Return a run and the sequence number of the last entry that it reflects.

    Raises:
        RunNotFound: no such run.
    """
    row = tx.execute(_with_place(runs.c.id == run_id)).first()
    if row is None:
        raise RunNotFound(run_id)
    return run_view(row), int(row.place)


def runs_at(tx: Tx, run_ids: Sequence[str]) -> dict[str, tuple[RunView, int]]:
    """Return those of the runs that exist as `run_at` does, by id."""
    rows = tx.execute(_with_place(runs.c.id.in_(list(run_ids))))
    return {row.id: (run_view(row), int(row.place)) for row in rows}


def of_runs(
    tx: Tx, run_ids: Sequence[str], after: int, limit: int
) -> dict[str, tuple[EventView, ...]]:
    """Return each run's entries after a number, oldest first, in one statement or few.

    Args:
        tx: any look.
        run_ids: the runs.
        after: the number.
        limit: of each run.
    """
    found: dict[str, list[EventView]] = {run_id: [] for run_id in run_ids}
    ids = list(found)
    for first in range(0, len(ids), BRANCHES):
        parts = [
            select(_after(after, limit).where(journal.c.run_id == run_id).subquery())
            for run_id in ids[first : first + BRANCHES]
        ]
        for view in _events(tx, union_all(*parts)):
            found[view.run_id].append(view)
    return {
        run_id: tuple(sorted(views, key=lambda view: view.sequence))
        for run_id, views in found.items()
    }


def _after(after: int, limit: int) -> Select[AnyRow]:
    return (
        select(journal).where(journal.c.sequence > after).order_by(journal.c.sequence).limit(limit)
    )


def _events(tx: Tx, statement: Select[Any] | CompoundSelect[Any]) -> tuple[EventView, ...]:
    return tuple(event_view(row) for row in tx.execute(statement))


def _with_place(condition: ColumnElement[bool]) -> Select[AnyRow]:
    return select(runs, _PLACE_OF_RUN.label("place")).where(condition)
