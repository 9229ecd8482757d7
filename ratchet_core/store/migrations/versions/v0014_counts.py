"""Totals of lists are kept: by triggers, and on the hot path of SQLite by those who write.

SQLite has one writer at a time, and one row per key. It calls a trigger for each row, which costs
a tenth of a new run: who inserts, and who moves a run, counts there (`store.counts`).

On PostgreSQL every backend adds to a row of its own: it never waits for another transaction,
however long that stays open. The rows of a key add up to its number; housekeeping makes them one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


class _List(NamedTuple):
    table: str
    counts: str
    listed: str  # index by which lists are read
    old_indexes: tuple[str, ...]
    keys: tuple[str, ...]
    order: str


_LISTS: Final = (
    _List(
        table="runs",
        counts="run_counts",
        listed="runs_listed",
        old_indexes=("runs_state", "runs_workflow"),
        keys=("namespace", "name", "version", "priority", "state"),
        order="created_at",
    ),
    _List(
        table="attempts",
        counts="attempt_counts",
        listed="attempts_listed",
        old_indexes=("attempts_state",),
        keys=("namespace", "name", "version", "state"),
        order="started_at",
    ),
)
_TYPES: Final[Mapping[str, sa.types.TypeEngine[Any]]] = {
    "namespace": sa.String(128),
    "name": sa.String(128),
    "version": sa.String(64),
    "priority": sa.Integer(),
    "state": sa.String(16),
}


def upgrade() -> None:
    """Create the tables and what keeps them, count what is stored, and index lists anew."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for one in _LISTS:
        if not is_sqlite:
            op.execute(f"LOCK TABLE {one.table} IN SHARE ROW EXCLUSIVE MODE")
        op.create_table(
            one.counts,
            *(sa.Column(key, _TYPES[key], nullable=False) for key in one.keys),
            sa.Column("slot", sa.BigInteger(), nullable=False),
            sa.Column("number", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint(*one.keys, "slot"),
            sqlite_with_rowid=False,
        )
        for statement in _sqlite(one) if is_sqlite else _postgresql(one):
            op.execute(sa.text(statement.replace(":", "\\:")))
        keys = ", ".join(one.keys)
        op.execute(
            f"INSERT INTO {one.counts} ({keys}, slot, number) "  # noqa: S608 - names of ours
            f"SELECT {keys}, 0, count(*) FROM {one.table} GROUP BY {keys}"
        )
        for old in one.old_indexes:
            op.drop_index(old, one.table)
        op.create_index(one.listed, one.table, [*one.keys, one.order, "id"])
    for name, first, condition in (
        ("runs_paused", "workflow_id", "state = 'paused'"),
        ("runs_of_schedule", "schedule_id", "schedule_id IS NOT NULL"),
    ):
        op.create_index(
            name,
            "runs",
            [first, "created_at", "id"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def _sqlite(one: _List) -> list[str]:
    def add(row: str, number: int) -> str:
        values = ", ".join(f"{row}.{key}" for key in one.keys)
        return (
            f"INSERT INTO {one.counts} VALUES ({values}, 0, {number}) "  # noqa: S608
            f"ON CONFLICT DO UPDATE SET number = number + {number};"
        )

    changed = " OR ".join(f"OLD.{key} IS NOT NEW.{key}" for key in one.keys)
    update = f"UPDATE OF {', '.join(one.keys)} ON {one.table} WHEN {changed}"
    triggers = {
        "delete": (f"DELETE ON {one.table}", add("OLD", -1)),
        "update": (update, f"{add('OLD', -1)} {add('NEW', 1)}"),
    }
    if one.table == "runs":
        del triggers["update"]
    return [
        f"CREATE TRIGGER {one.counts}_{name} AFTER {event} BEGIN {added} END"
        for name, (event, added) in triggers.items()
    ]


#: How many rows of a table came and went by key, by what happened.
_CHANGES: Final = {
    "INSERT": "SELECT {keys}, count(*) AS number FROM added GROUP BY {keys}",
    "DELETE": "SELECT {keys}, -count(*) AS number FROM gone GROUP BY {keys}",
    "UPDATE": (
        "SELECT {keys}, sum(step) AS number FROM ("
        "SELECT {keys}, 1 AS step FROM added UNION ALL SELECT {keys}, -1 FROM gone"
        ") AS moved GROUP BY {keys} HAVING sum(step) <> 0"
    ),
}
_ROWS: Final = {
    "INSERT": "NEW TABLE AS added",
    "DELETE": "OLD TABLE AS gone",
    "UPDATE": "NEW TABLE AS added OLD TABLE AS gone",
}
#: A backend has one transaction at a time, so nobody else writes its slots but who folds them
#: (`store.counts.fold`); where a fold would be a serialization error, the transaction has its own.
_FUNCTION: Final = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {counts} AS kept ({keys}, slot, number)
    SELECT {keys}, CASE current_setting('transaction_isolation')
        WHEN 'read committed' THEN pg_backend_pid() ELSE -txid_current() END, number
    FROM ({changes}) AS changed
    ON CONFLICT ({keys}, slot) DO UPDATE SET number = kept.number + excluded.number;
    RETURN NULL;
END
$body$
"""


def _postgresql(one: _List) -> list[str]:
    statements = [f"ALTER TABLE {one.counts} SET (fillfactor = 50)"]  # room for changes in place
    for event, changes in _CHANGES.items():
        function = f"{one.counts}_{event.lower()}"
        keys = ", ".join(one.keys)
        body = _FUNCTION.format(
            function=function,
            counts=one.counts,
            changes=changes.format(keys=keys),
            keys=keys,
        )
        trigger = (
            f"CREATE TRIGGER {function} AFTER {event} ON {one.table} "
            f"REFERENCING {_ROWS[event]} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
        statements += [body, trigger]
    return statements
