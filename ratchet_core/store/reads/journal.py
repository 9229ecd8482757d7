"""Reading the journal across runs, and runs together with their place in it.

Sequence numbers are given out before a transaction commits: on PostgreSQL a lower one may become
visible after a higher one. Whoever writes to the journal holds a lock on it until then: `writers`
tells a follower when a missing number can come no more. The journal of one run has no such gaps,
since its transactions hold the run's lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, func, select, text

from ratchet_core.domain.views import EventView, RunView
from ratchet_core.errors import RunNotFound
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.reads.rows import event_view, run_view
from ratchet_core.store.schema import journal, runs

_PLACE_OF_RUN = (
    select(func.coalesce(func.max(journal.c.sequence), 0))
    .where(journal.c.run_id == runs.c.id)
    .scalar_subquery()
)
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = 'journal'::regclass AND mode = 'RowExclusiveLock' AND granted"
)


def tail(tx: Tx, after: int, limit: int) -> tuple[EventView, ...]:
    """Return what the journal holds after a sequence number, as far as it is visible."""
    return _events(tx, _after(after, limit))


def writers(tx: Tx, dialect: str) -> frozenset[str] | None:
    """Return who writes to the journal now; None where numbers become visible in their order."""
    return frozenset(tx.execute(_WRITERS).scalars()) if dialect == "postgresql" else None


def end(tx: Tx) -> int:
    """Return the highest sequence number that is visible; 0 in an empty journal."""
    return int(tx.execute(select(func.coalesce(func.max(journal.c.sequence), 0))).scalar_one())


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


def _after(after: int, limit: int) -> Select[AnyRow]:
    return (
        select(journal).where(journal.c.sequence > after).order_by(journal.c.sequence).limit(limit)
    )


def _events(tx: Tx, statement: Select[AnyRow]) -> tuple[EventView, ...]:
    return tuple(event_view(row) for row in tx.execute(statement))


def _with_place(condition: ColumnElement[bool]) -> Select[AnyRow]:
    return select(runs, _PLACE_OF_RUN.label("place")).where(condition)
