"""The hot path's way to the database: constant SQL straight on the driver, whole sets at once.

SQLAlchemy makes the connections and transactions; for statements that run thousands of times a
second its per-row work costs more than the database's. One text serves both databases:

    :name            a value
    IN :name[]       a list of values

A `Bulk` writes many rows: on SQLite by `executemany`, on PostgreSQL over the rows in JSON, several
Bulks in one statement. In a pipelined transaction statements travel together: `ask_all` and
`write_all` cost one round trip each, however many they send.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from ratchet_core.store.clock import NOW_SQL
from ratchet_core.store.database import Tx

_VALUE: Final = re.compile(r"(?<!:):([a-z_]+)(?!\[)")
_LIST: Final = re.compile(r"IN :([a-z_]+)\[\]")
_WHERE: Final = re.compile(r"\bWHERE\b")

Rows = Sequence[Mapping[str, Any]]


class Query:
    """One constant statement.

    Args:
        sql: the text; `{now}` is the database's clock, `{lock}` locks the rows of alias `r`.
    """

    def __init__(self, sql: str) -> None:
        self._lists = tuple(_LIST.findall(sql))
        lite = _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", sql)
        post = _VALUE.sub(r"%(\1)s", _LIST.sub(r"= ANY(%(\1)s)", sql.replace("%", "%%")))
        self._sql = {
            "sqlite": lite.format(now=NOW_SQL["sqlite"], lock=""),
            "postgresql": post.format(now=NOW_SQL["postgresql"], lock="FOR UPDATE OF r"),
        }

    def rows(self, tx: Tx, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute once and return the rows as tuples."""
        return ask_all(tx, [(self, values)])[0]

    def write(self, tx: Tx, values: Mapping[str, Any]) -> int:
        """Execute once outside of a pipeline and return how many rows were met."""
        cursor = self.send(tx, values)
        met = int(cursor.rowcount)
        cursor.close()
        return met

    def send(self, tx: Tx, values: Mapping[str, Any]) -> Any:
        """Send the statement and return the cursor that will have its answer."""
        dialect = tx.dialect.name
        if self._lists and dialect == "sqlite":
            lists = {name: orjson.dumps(list(values[name])).decode() for name in self._lists}
            values = {**values, **lists}
        cursor = _cursor(tx)
        cursor.execute(self._sql[dialect], values)
        return cursor


class Bulk:
    """A statement that is executed for many rows.

    On PostgreSQL the Bulks of one `write_all` are one statement and see the same state: none may
    meet a row that another one of them writes.

    Args:
        sql: an UPDATE whose values are `:name`, or `INSERT INTO table` alone, or an `INSERT …
            SELECT … WHERE` whose values are `:name`; `{now}` is the database's clock.
        columns: name and PostgreSQL type of each value, such as `id text, token int`.
    """

    def __init__(self, sql: str, columns: str) -> None:
        names = [column.split()[0] for column in columns.split(",")]
        renamed = ", ".join(f"{name} AS p_{name}" for name in names)
        rows = f"json_to_recordset(%(rows)s::json) AS r({columns})"
        source = f"FROM (SELECT {renamed} FROM {rows}) AS v"  # noqa: S608 - constants
        if sql.startswith("INSERT") and "SELECT" not in sql:
            listed = ", ".join(names)
            values = ", ".join(f":{name}" for name in names)
            self.lite = f"{sql} ({listed}) VALUES ({values})"
            chosen = ", ".join(f"v.p_{name}" for name in names)
            self.post = f"{sql} ({listed}) SELECT {chosen} {source}"
        else:
            self.lite = sql.replace("{now}", NOW_SQL["sqlite"])
            post = sql.replace("%", "%%").replace("{now}", NOW_SQL["postgresql"])
            joined = _VALUE.sub(r"v.p_\1", post)
            self.post = _WHERE.sub(f"{source} WHERE", joined, count=1)


def ask_all(
    tx: Tx, questions: Sequence[tuple[Query, Mapping[str, Any]]]
) -> list[list[tuple[Any, ...]]]:
    """Execute queries in order and return the rows of each; each sees what is committed by then.

    In a pipelined transaction they are sent together before the first answer is read.
    """
    cursors = [query.send(tx, values) for query, values in questions]
    answers = [list(cursor.fetchall()) for cursor in cursors]
    for cursor in cursors:
        cursor.close()
    return answers


class Written:
    """How many rows each Bulk met; known at the latest when the transaction has ended."""

    def __init__(self, asked: Sequence[bool], cursors: Sequence[Any]) -> None:
        self._asked = asked  # whether a Bulk had rows
        self._cursors = cursors  # SQLite: one for each that had; PostgreSQL: one for all

    def counts(self) -> list[int]:
        """Return the numbers, in the order of the Bulks; ask once."""
        if not any(self._asked):
            return [0] * len(self._asked)
        first = self._cursors[0]
        if len(self._cursors) == 1 and first.description is not None:
            met = iter(first.fetchone())
        else:
            met = iter([cursor.rowcount for cursor in self._cursors])
        return [int(next(met)) if asked else 0 for asked in self._asked]


def write_all(tx: Tx, batches: Sequence[tuple[Bulk, Rows]]) -> Written:
    """Execute Bulks in order; one without rows meets none.

    In a pipelined transaction they travel with what follows, the commit included.
    """
    asked = [bool(rows) for _, rows in batches]
    given = [(bulk, rows) for bulk, rows in batches if rows]
    cursors: list[Any] = []
    if tx.dialect.name == "sqlite":
        for bulk, rows in given:
            cursors.append(_cursor(tx))
            cursors[-1].executemany(bulk.lite, rows)
    elif given:
        # one JSON text each: the driver would escape arrays element by element, in Python
        values = {f"rows{n}": orjson.dumps(rows).decode() for n, (_, rows) in enumerate(given)}
        cursors.append(_cursor(tx))
        cursors[0].execute(_together(tuple(bulk.post for bulk, _ in given)), values)
    return Written(asked, cursors)


@functools.cache
def _together(statements: tuple[str, ...]) -> str:
    """Return one statement that writes them all and answers how many rows each has met."""
    parts = [
        f"w{n} AS ({text.replace('%(rows)s', f'%(rows{n})s')} RETURNING 1)"
        for n, text in enumerate(statements)
    ]
    counts = ", ".join(f"(SELECT count(*) FROM w{n})" for n in range(len(statements)))  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {counts}"


def write(tx: Tx, bulk: Bulk, rows: Rows) -> int:
    """Execute one Bulk outside of a pipeline; return how many rows it met."""
    return write_all(tx, [(bulk, rows)]).counts()[0]


def _cursor(tx: Tx) -> Any:
    raw: Any = tx.connection.driver_connection
    return raw.cursor()
