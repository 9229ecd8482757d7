"""The hot path's way to the database: constant SQL straight on the driver, whole sets at once.

SQLAlchemy makes the connections and transactions; for statements that run thousands of times a
second its per-row work costs more than the database's. One text serves both databases:

    :name            a value
    IN :name[]       a list of values

A `Bulk` writes many rows: on SQLite by `executemany`, on PostgreSQL as one statement over the rows
in JSON. In a pipelined transaction statements travel together: `ask_all` and `write_all` cost one
round trip each, however many they send.
"""

from __future__ import annotations

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

    def __init__(self, cursors: Sequence[Any | None]) -> None:
        self._cursors = cursors

    def counts(self) -> list[int]:
        """Return the numbers, in the order of the Bulks."""
        return [0 if cursor is None else int(cursor.rowcount) for cursor in self._cursors]


def write_all(tx: Tx, batches: Sequence[tuple[Bulk, Rows]]) -> Written:
    """Execute Bulks in order; one without rows meets none.

    In a pipelined transaction they travel with what follows, the commit included.
    """
    cursors: list[Any | None] = []
    for bulk, rows in batches:
        if not rows:
            cursors.append(None)
            continue
        cursor = _cursor(tx)
        if tx.dialect.name == "sqlite":
            cursor.executemany(bulk.lite, rows)
        else:
            # one JSON text: the driver would escape arrays element by element, in Python
            cursor.execute(bulk.post, {"rows": orjson.dumps(rows).decode()})
        cursors.append(cursor)
    return Written(cursors)


def write(tx: Tx, bulk: Bulk, rows: Rows) -> int:
    """Execute one Bulk outside of a pipeline; return how many rows it met."""
    return write_all(tx, [(bulk, rows)]).counts()[0]


def _cursor(tx: Tx) -> Any:
    raw: Any = tx.connection.driver_connection
    return raw.cursor()
