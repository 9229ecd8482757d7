"""Runs as plain rows, on their way out of one database and into the same or another.

Rows are JSON objects by column. Numbers of events and lines are given anew on the way in, in the
old order: those of another database may be taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select, tuple_
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ratchet_core.store import counts
from ratchet_core.store.clock import now_us
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.prune import CHILDREN, is_going
from ratchet_core.store.schema import attempts, metadata, runs, snapshots, workflows

Row = dict[str, Any]

#: Rows that are read at once.
_PART: Final = 1000
_NUMBERED: Final = "sequence"


class RowsRefused(Exception):
    """The database takes these rows not; the message says why, without their content."""


def rows_of(database: Database, run_id: str) -> Iterator[tuple[str, Row]]:
    """Yield a run and everything that belongs to it: table and row; nothing where it is gone."""
    with database.read() as tx:
        found = tx.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if found is None:
        return
    yield runs.name, _plain(found)
    for table in CHILDREN:
        keys = tuple(table.primary_key.columns)
        after: tuple[Any, ...] | None = None
        while True:
            statement = select(table).where(table.c.run_id == run_id).order_by(*keys).limit(_PART)
            if after is not None:
                statement = statement.where(tuple_(*keys) > after)
            with database.read() as tx:
                part = [_plain(row) for row in tx.execute(statement).mappings()]
            for row in part:
                yield table.name, row
            if len(part) < _PART:
                break
            after = tuple(part[-1][key.name] for key in keys)


def definition_of(database: Database, snapshot_id: str) -> list[tuple[str, Row]]:
    """Return the workflow and the version that a run was made of: table and row."""
    with database.read() as tx:
        version = tx.execute(select(snapshots).where(snapshots.c.id == snapshot_id)).mappings()
        found = version.first()
        if found is None:
            return []
        statement = select(workflows).where(workflows.c.id == found["workflow_id"])
        owner = tx.execute(statement).mappings().first()
    rows: list[tuple[str, Row]] = [] if owner is None else [(workflows.name, _plain(owner))]
    return [*rows, (snapshots.name, _plain(found))]


def tables() -> frozenset[str]:
    """Return the names of the tables whose rows may come in."""
    return frozenset({runs.name, workflows.name, snapshots.name, *(t.name for t in CHILDREN)})


def columns_of(table: str) -> frozenset[str]:
    """Return the names of a table's columns."""
    return frozenset(metadata.tables[table].c.keys())


def add_definition(tx: Tx, workflow: Mapping[str, Any], version: Mapping[str, Any]) -> None:
    """Store a workflow and a version of it for runs that come in; what is there stays as it is.

    A workflow that is new here has no version that takes runs; the one that came is one of old.
    """
    known = tx.execute(
        select(workflows.c.id).where(
            workflows.c.namespace == workflow["namespace"], workflows.c.name == workflow["name"]
        )
    ).scalar()
    if known is None:
        known = workflow["id"]
        tx.execute(insert(workflows).values({**workflow, "latest_id": None}))
    if tx.execute(select(snapshots.c.id).where(snapshots.c.id == version["id"])).first() is None:
        retired = version.get("retired_at") or now_us()
        tx.execute(
            insert(snapshots).values({**version, "workflow_id": known, "retired_at": retired})
        )


def workflow_of(tx: Tx, namespace: str, name: str) -> str | None:
    """Return the id that a workflow has here."""
    statement = select(workflows.c.id).where(
        workflows.c.namespace == namespace, workflows.c.name == name
    )
    return tx.execute(statement).scalar()


def add_run(tx: Tx, run: Mapping[str, Any], children: Sequence[tuple[str, Row]]) -> None:
    """Store a run that came in, with everything that belongs to it.

    Raises:
        RowsRefused: a key of it is taken, a column that is needed is missing, or it was deleted
            a moment ago and what belonged to it then is not deleted yet.
    """
    if is_going(tx, str(run.get("id"))):
        message = "it is still being deleted; prune to the end, then import again"
        raise RowsRefused(message)
    try:
        tx.execute(insert(runs).values(dict(run)))
        counts.count_new(tx, counts.RUNS, [run])
        for table in CHILDREN:
            rows = [_without_number(row) for name, row in children if name == table.name]
            for start in range(0, len(rows), _PART):
                tx.execute(insert(table), rows[start : start + _PART])
            if table is attempts:
                counts.count_new(tx, counts.ATTEMPTS, rows)
    except IntegrityError as error:
        message = "a key of it is taken, or a value that is needed is missing"
        raise RowsRefused(message) from error
    except SQLAlchemyError as error:
        raise RowsRefused(f"the database refuses it ({type(error).__name__})") from error


def _without_number(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != _NUMBERED}


def _plain(row: Mapping[Any, Any]) -> Row:
    """Return a row with keys that are nothing but text; SQLAlchemy's know how to be quoted."""
    return {str(name): value for name, value in row.items()}
