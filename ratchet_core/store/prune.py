"""Deleting finished runs: a run disappears first, then everything that belonged to it.

A run that is gone is remembered in `removed_runs` until its last row is deleted, so that whoever
is interrupted leaves nothing behind that nobody would find. What belongs to a run are the rows
that bear its id, in every table that has the column `run_id`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, delete, func, select

from ratchet_core.store.clock import now_us
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.schema import (
    drains,
    journal,
    log_lines,
    metadata,
    runs,
    workflows,
)

#: Tables whose rows belong to runs; the largest first.
CHILDREN: Final[tuple[Table, ...]] = tuple(
    sorted(
        (table for table in metadata.tables.values() if "run_id" in table.c),
        key=lambda table: (table is not log_lines, table is not journal, table.name),
    )
)
#: A run whose output is still on its way stays.
_DELIVERED: Final = (
    "NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.run_id = r.id "
    "AND d.state IN ('pending', 'running'))"
)
_FINISHED: Final = Query(
    "SELECT r.id, r.updated_at FROM runs r WHERE r.namespace = :namespace "  # noqa: S608 - ours
    "AND r.completed_at IS NOT NULL AND r.completed_at < {now} - :keep_us "
    f"AND {_DELIVERED} ORDER BY r.completed_at, r.id LIMIT :limit"
)
_LOCK: Final = Query(
    "SELECT r.id, r.updated_at FROM runs r WHERE r.id IN :ids[] "  # noqa: S608 - ours
    f"AND r.completed_at IS NOT NULL AND {_DELIVERED} ORDER BY r.id {{lock}}"
)
_REMEMBER: Final = Query(
    "INSERT INTO removed_runs (id, removed_at) SELECT id, {now} FROM runs WHERE id IN :ids[]"
)
_REMOVE: Final = Query("DELETE FROM runs WHERE id IN :ids[]")
_FORGET: Final = Query("DELETE FROM removed_runs WHERE id IN :ids[]")
#: Events that belong to no run, of which one transaction deletes so many.
_LOOSE_ROWS: Final = 1000
_LOOSE: Final = Query(
    "DELETE FROM journal WHERE sequence IN (SELECT sequence FROM journal WHERE run_id = ''"
    " AND at < {now} - :keep_us AND sequence < (SELECT max(sequence) FROM journal)"
    " ORDER BY sequence LIMIT :limit)"
)
_REMEMBERED: Final = Query("SELECT id FROM removed_runs ORDER BY id LIMIT :limit")


def _deletion(table: Table) -> Mapping[str, Query]:
    """Return the statements that delete some rows of runs, by how the database names a row."""
    chosen = f"FROM {table.name} WHERE run_id IN :ids[] LIMIT :limit"
    return {
        "sqlite": Query(
            f"DELETE FROM {table.name} WHERE rowid IN (SELECT rowid {chosen})"  # noqa: S608
        ),
        "postgresql": Query(
            f"DELETE FROM {table.name} "  # noqa: S608
            f"WHERE ctid = ANY(ARRAY(SELECT ctid {chosen}))"
        ),
    }


_DELETIONS: Final = {table.name: _deletion(table) for table in CHILDREN}


def namespaces(tx: Tx) -> tuple[str, ...]:
    """Return the namespaces that may hold runs."""
    statement = select(workflows.c.namespace).distinct().order_by(workflows.c.namespace)
    return tuple(tx.execute(statement).scalars())


def finished(tx: Tx, namespace: str, keep_s: float, limit: int) -> list[tuple[str, int]]:
    """Return runs of a namespace that ended so long ago, the oldest first: id, last change."""
    values = {"namespace": namespace, "keep_us": round(keep_s * 1e6), "limit": limit}
    return [(row[0], row[1]) for row in _FINISHED.rows(tx, values)]


def pages_of_finished(
    database: Database, namespace: str | None, keep_s: float, size: int
) -> Iterator[list[str]]:
    """Yield the ids of runs that ended so long ago, in parts, the oldest id first."""
    low = ""
    while True:
        statement = select(runs.c.id).where(
            runs.c.id > low,
            runs.c.completed_at.is_not(None),
            runs.c.completed_at <= now_us() - round(keep_s * 1e6),
        )
        if namespace is not None:
            statement = statement.where(runs.c.namespace == namespace)
        with database.read() as tx:
            found = list(tx.execute(statement.order_by(runs.c.id).limit(size)).scalars())
        if found:
            yield found
        if len(found) < size:
            return
        low = found[-1]


def count_finished(tx: Tx, namespace: str, keep_s: float) -> int:
    """Count the runs of a namespace that ended so long ago."""
    statement = select(func.count()).where(
        runs.c.namespace == namespace,
        runs.c.completed_at.is_not(None),
        runs.c.completed_at < now_us() - round(keep_s * 1e6),
    )
    return int(tx.execute(statement).scalar_one())


def newest_writers(tx: Tx) -> frozenset[str]:
    """Return the runs that wrote the newest event and line, where their numbers could come again.

    SQLite gives a number again once the row that bore it is gone and none is higher; those who
    follow would miss what bears it then.
    """
    if tx.dialect.name != "sqlite":
        return frozenset()
    newest = (
        select(table.c.run_id).order_by(table.c.sequence.desc()).limit(1)
        for table in (journal, log_lines)
    )
    return frozenset(str(found) for one in newest if (found := tx.execute(one).scalar()))


def remove_runs(tx: Tx, unchanged: Mapping[str, int]) -> list[str]:
    """Delete runs that are still as they were seen, and remember what belongs to them.

    Args:
        tx: a write transaction.
        unchanged: id to `updated_at`; one that was changed since is left alone.

    Returns:
        The ids of the deleted ones.
    """
    rows = _LOCK.rows(tx, {"ids": sorted(unchanged)})
    ids = [row[0] for row in rows if row[1] == unchanged[row[0]]]
    if ids:
        _REMEMBER.write(tx, {"ids": ids})
        _REMOVE.write(tx, {"ids": ids})
    return ids


def removed(tx: Tx, limit: int) -> list[str]:
    """Return runs that are gone and whose rows are not all deleted."""
    return [row[0] for row in _REMEMBERED.rows(tx, {"limit": limit})]


def delete_rows(tx: Tx, run_ids: Sequence[str], limit: int) -> int:
    """Delete up to `limit` rows of runs that are gone; forget the runs with the last one.

    Returns:
        How many rows were deleted; less than `limit` where none is left.
    """
    left = limit
    for table in CHILDREN:
        statement = _DELETIONS[table.name][tx.dialect.name]
        left -= statement.write(tx, {"ids": list(run_ids), "limit": left})
        if left <= 0:
            return limit
    _FORGET.write(tx, {"ids": list(run_ids)})
    return limit - left


def delete_drains(tx: Tx, keep_s: float) -> int:
    """Delete drains that were closed so long ago; return how many."""
    closed = drains.c.closed_at
    statement = delete(drains).where(closed.is_not(None), closed < now_us() - round(keep_s * 1e6))
    return int(tx.execute(statement).rowcount)


def delete_events_of_no_run(tx: Tx, keep_s: float) -> int:
    """Delete events of schedules and plugins that were written so long ago; return how many.

    The newest event of all stays: SQLite would give its number again.
    """
    return _LOOSE.write(tx, {"keep_us": round(keep_s * 1e6), "limit": _LOOSE_ROWS})


def sizes(tx: Tx, database_path_bytes: int | None) -> dict[str, Any]:
    """Return rows by table, and how large the database is.

    Args:
        tx: any transaction.
        database_path_bytes: of SQLite's files; None on PostgreSQL.
    """
    counted = {
        name: int(tx.execute(select(func.count()).select_from(table)).scalar_one())
        for name, table in metadata.tables.items()
    }
    if tx.dialect.name == "sqlite":
        free = int(tx.exec_driver_sql("PRAGMA freelist_count").scalar_one())
        page = int(tx.exec_driver_sql("PRAGMA page_size").scalar_one())
        return {"rows": counted, "bytes": database_path_bytes, "free_bytes": free * page}
    size = tx.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    return {"rows": counted, "bytes": int(size), "free_bytes": None}


def exist(tx: Tx, run_ids: Collection[str]) -> frozenset[str]:
    """Return those of the runs that exist."""
    statement = select(runs.c.id).where(runs.c.id.in_(list(run_ids)))
    return frozenset(tx.execute(statement).scalars())
