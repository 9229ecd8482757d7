"""Deleting finished runs: a run disappears first, then everything that belonged to it.

A run that is gone is remembered in `removed_runs` until its last row is deleted, so that whoever
is interrupted leaves nothing behind that nobody would find. What belongs to a run are the rows
that bear its id, in every table that has the column `run_id`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
#: The clock is asked in a query of its own: PostgreSQL's goes on within a statement, and so would
#: be compared with every run, the young ones too, instead of saying where the index is read up to.
_FINISHED: Final = Query(
    "SELECT r.id, r.updated_at, r.completed_at FROM runs r "  # noqa: S608 - ours
    "WHERE r.namespace = :namespace AND (r.completed_at, r.id) > (:ended_at, :id) "
    "AND r.completed_at IS NOT NULL AND r.completed_at < (SELECT {now} - :keep_us) "
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
#: Somebody else may have come first, and an import may have brought the run back since.
_STILL_REMEMBERED: Final = Query(
    "SELECT r.id FROM removed_runs r WHERE r.id IN :ids[] ORDER BY r.id {lock}"
)


#: SQLite: one statement for each table.
_DELETE_SOME: Final = tuple(
    Query(
        f"DELETE FROM {table.name} WHERE rowid IN "  # noqa: S608 - ours
        f"(SELECT rowid FROM {table.name} WHERE run_id IN :ids[] LIMIT :limit)"
    )
    for table in CHILDREN
)
#: PostgreSQL: one for all of them, which is one round trip.
_GONE: Final = ", ".join(
    f"gone_{table.name} AS (DELETE FROM {table.name} WHERE ctid = ANY(ARRAY("  # noqa: S608 - ours
    f"SELECT ctid FROM {table.name} WHERE run_id IN :ids[] LIMIT :limit)) RETURNING 1)"
    for table in CHILDREN
)
_COUNTED: Final = ", ".join(f"(SELECT count(*) FROM gone_{table.name})" for table in CHILDREN)  # noqa: S608
_DELETE_SOME_OF_ALL: Final = Query(f"WITH {_GONE} SELECT {_COUNTED}")


def namespaces(tx: Tx) -> tuple[str, ...]:
    """Return the namespaces that may hold runs."""
    statement = select(workflows.c.namespace).distinct().order_by(workflows.c.namespace)
    return tuple(tx.execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a look at finished runs, the oldest first, has come to."""

    ended_at: int = -1  #: microseconds since 1970
    id: str = ""


START: Final = Place()


@dataclass(frozen=True, slots=True)
class Finished:
    """Runs that have ended, the oldest first."""

    unchanged: Mapping[str, int]  #: id to `updated_at`
    end: Place  #: of the last one


def finished(tx: Tx, namespace: str, keep_s: float, limit: int, after: Place) -> Finished:
    """Return runs of a namespace that ended so long ago, the oldest first.

    Args:
        tx: any transaction.
        namespace: whose.
        keep_s: how long ago they ended, in seconds.
        limit: most runs.
        after: whoever deletes what is found goes on from there: until the database has cleaned up,
            a look from the start walks over all that was deleted.
    """
    values = {
        "namespace": namespace,
        "keep_us": round(keep_s * 1e6),
        "limit": limit,
        "ended_at": after.ended_at,
        "id": after.id,
    }
    rows = _FINISHED.rows(tx, values)
    end = Place(rows[-1][2], rows[-1][0]) if rows else after
    return Finished({row[0]: row[1] for row in rows}, end)


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
    """Return runs that are gone and whose rows are not all deleted.

    Until the database has cleaned up, it walks over all that were forgotten: ask seldom.
    """
    return [row[0] for row in _REMEMBERED.rows(tx, {"limit": limit})]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What went of runs that are gone."""

    rows: int = 0  #: of all tables
    most: int = 0  #: of the one table that lost most
    is_all: bool = True  #: nothing is left of these runs, and they are forgotten


def is_going(tx: Tx, run_id: str) -> bool:
    """Tell whether rows of a run that is gone are still to be deleted."""
    return bool(_STILL_REMEMBERED.rows(tx, {"ids": [run_id]}))


def delete_rows(tx: Tx, run_ids: Sequence[str], limit: int) -> Deleted:
    """Delete rows of runs that are gone, up to `limit` of each table; forget them with the last.

    In a pipelined transaction the last statement travels with the commit.
    """
    ids = [row[0] for row in _STILL_REMEMBERED.rows(tx, {"ids": list(run_ids)})]
    if not ids:
        return Deleted()
    values = {"ids": ids, "limit": limit}
    if tx.dialect.name == "sqlite":
        counts = [one.write(tx, values) for one in _DELETE_SOME]
    else:
        counts = list(_DELETE_SOME_OF_ALL.rows(tx, values)[0])
    most = max(counts)
    if most < limit:
        _FORGET.send(tx, {"ids": ids})
    return Deleted(sum(counts), most, most < limit)


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
