"""How many runs and attempts there are of each kind, kept by triggers and never counted anew.

A key is what lists may be filtered by. Its number is the sum over its slots: on PostgreSQL
every backend adds to a slot of its own. The triggers are made by
migration 0014; here is what reads the numbers, compares them and sets them right. On its hot path
SQLite would call a trigger for each row: there new rows, and runs that move on, are counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Table,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)

from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query, Rows
from ratchet_core.store.schema import attempt_counts, attempts, run_counts, runs


@dataclass(frozen=True)
class Counted:
    """A table whose rows are counted."""

    table: Table  #: the rows
    counts: Table  #: their numbers
    order: str  #: the time by which they are listed

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that make a key, in the order of the index for lists."""
        return tuple(key.name for key in self.counts.primary_key if key.name != "slot")

    @cached_property
    def add(self) -> str:
        """Return SQLite's statement that adds to the number of a key."""
        values = "?, " * len(self.keys)
        return (
            f"INSERT INTO {self.counts.name} VALUES ({values}0, ?) "  # noqa: S608 - a name of ours
            "ON CONFLICT DO UPDATE SET number = number + excluded.number"
        )


RUNS: Final = Counted(runs, run_counts, "created_at")
ATTEMPTS: Final = Counted(attempts, attempt_counts, "started_at")

_KEYS: Final = Query("SELECT id, namespace, name, version, priority FROM runs WHERE id IN :ids[]")

#: Columns and the values of which a row must have one.
Choice = Sequence[tuple[str, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one key."""

    key: tuple[Any, ...]  #: a value for each of `Counted.keys`
    number: int  #: how many there are


def count_new(tx: Tx, counted: Counted, rows: Rows) -> None:
    """Count rows that were just inserted; nothing to do on PostgreSQL, whose triggers do it.

    Args:
        tx: the transaction that inserted them.
        counted: where.
        rows: with a value for each of `Counted.keys`.
    """
    if tx.dialect.name != "sqlite" or not rows:
        return
    _add(tx, counted, Counter(map(itemgetter(*counted.keys), rows)))


def count_moves(tx: Tx, moves: Iterable[tuple[tuple[Any, ...], str, str]]) -> None:
    """Count runs that were just moved on; nothing to do on PostgreSQL.

    Args:
        tx: the transaction that moved them.
        moves: of each, its key without the state, the state that it left, and the one it entered.
    """
    if tx.dialect.name != "sqlite":
        return
    numbers: Counter[tuple[Any, ...]] = Counter()
    for key, left, entered in moves:
        if left != entered:
            numbers[*key, left] -= 1
            numbers[*key, entered] += 1
    _add(tx, RUNS, numbers)


def count_moved(tx: Tx, rows: Rows) -> None:
    """Count runs that were just moved on: id, `from_state` and `state` of each."""
    if tx.dialect.name != "sqlite":
        return
    moved = [row for row in rows if row["from_state"] != row["state"]]
    if not moved:
        return
    of_run = {row[0]: tuple(row[1:]) for row in _KEYS.rows(tx, {"ids": [r["id"] for r in moved]})}
    count_moves(tx, ((of_run[row["id"]], row["from_state"], row["state"]) for row in moved))


def _add(tx: Tx, counted: Counted, numbers: Mapping[tuple[Any, ...], int]) -> None:
    if numbers:
        raw: Any = tx.connection.driver_connection
        raw.executemany(counted.add, [(*key, number) for key, number in numbers.items()])


def groups(tx: Tx, counted: Counted, choice: Choice) -> list[Group]:
    """Return the groups that a choice lets through; none that is empty."""
    numbers = by(tx, counted, counted.keys, choice)
    return [Group(key, number) for key, number in numbers.items() if number > 0]


def everything(tx: Tx, counted: Counted) -> int:
    """Return how many rows there are."""
    return int(tx.execute(select(func.sum(counted.counts.c.number))).scalar() or 0)


def by(tx: Tx, counted: Counted, names: Sequence[str], choice: Choice) -> dict[Any, int]:
    """Return how many rows there are of each value of one column, or of each tuple of several."""
    statement = _sums(counted, tuple(names), tuple(name for name, _ in choice))
    chosen = {f"chosen_{place}": list(values) for place, (_, values) in enumerate(choice)}
    return {
        tuple(row[:-1]) if len(names) > 1 else row[0]: int(row[-1])
        for row in tx.execute(statement, chosen)
    }


@lru_cache(maxsize=256)  # to build it takes longer than to execute it; filters are few
def _sums(counted: Counted, names: tuple[str, ...], filters: tuple[str, ...]) -> Select[Any]:
    counts = counted.counts
    columns = [counts.c[name] for name in names]
    number = func.sum(counts.c.number)
    chosen = [
        counts.c[name].in_(bindparam(f"chosen_{place}", expanding=True))
        for place, name in enumerate(filters)
    ]
    return select(*columns, number).where(*chosen).group_by(*columns).having(number != 0)


def conditions(table: Table, choice: Choice) -> list[ColumnElement[bool]]:
    """Return a choice as conditions on a table's columns."""
    return [
        table.c[name] == values[0] if len(values) == 1 else table.c[name].in_(values)
        for name, values in choice
    ]


def wrong(tx: Tx, counted: Counted) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """Yield the keys whose number is wrong: key, number as kept, number as counted.

    Args:
        tx: a snapshot, or a transaction in which nobody else writes.
        counted: what to compare.
    """
    kept = by(tx, counted, counted.keys, ())
    columns = [counted.table.c[key] for key in counted.keys]
    statement = select(*columns, func.count()).group_by(*columns)
    real = {tuple(row[:-1]): int(row[-1]) for row in tx.execute(statement)}
    for key in sorted(kept.keys() | real.keys(), key=str):
        if kept.get(key, 0) != real.get(key, 0):
            yield key, kept.get(key, 0), real.get(key, 0)


def fold(tx: Tx) -> int:
    """Put slots together that nobody is writing, on PostgreSQL; return how many went."""
    return sum(int(tx.exec_driver_sql(_fold_of(one)).scalar_one()) for one in (RUNS, ATTEMPTS))


def _fold_of(counted: Counted) -> str:
    keys, table = ", ".join(counted.keys), counted.counts.name
    same = " AND ".join(f"kept.{key} = free.{key}" for key in (*counted.keys, "slot"))
    return f"""
        WITH free AS MATERIALIZED (
            SELECT {keys}, slot FROM {table} WHERE slot <> 0 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM {table} AS kept USING free WHERE {same} RETURNING kept.*
        ), added AS (
            INSERT INTO {table} AS kept ({keys}, slot, number)
            SELECT {keys}, 0, sum(number) FROM gone GROUP BY {keys}
            ON CONFLICT ({keys}, slot) DO UPDATE SET number = kept.number + excluded.number
        ) SELECT count(*) FROM gone
    """  # noqa: S608 - names of ours


def count_anew(tx: Tx, counted: Counted) -> None:
    """Count the rows and keep what was counted; on PostgreSQL writers of the table wait."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"LOCK TABLE {counted.table.name} IN SHARE ROW EXCLUSIVE MODE")
    tx.execute(delete(counted.counts))
    columns = [counted.table.c[key] for key in counted.keys]
    slot = cast(literal(0), BigInteger)
    real = select(*columns, slot, func.count()).group_by(*columns)
    tx.execute(insert(counted.counts).from_select([*counted.keys, "slot", "number"], real))
