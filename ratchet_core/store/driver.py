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
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from ratchet_core.store.clock import NOW_SQL
from ratchet_core.store.database import Tx, wire_of

if TYPE_CHECKING:  # SQLite needs no psycopg
    from ratchet_core.store.wire import Answer, Wire

_VALUE: Final = re.compile(r"(?<!:):([a-z_]+)(?!\[)")
_LIST: Final = re.compile(r"IN :([a-z_]+)\[\]")
_WHERE: Final = re.compile(r"\bWHERE\b")

#: Makes PostgreSQL think that a tenth of the rows are left; twice over, it takes a Bulk for one
#: row and looks that up. It guesses that JSON has a hundred; while a table is small it then reads
#: all of it instead, and goes on with that plan while the table grows.
_FEW: Final = "LIMIT (SELECT 1000000000)"

Rows = Sequence[Mapping[str, Any]]


class Query:
    """One constant statement.

    Args:
        sql: the text; `{now}` is the database's clock, `{lock}` locks the rows of alias `r`.
    """

    def __init__(self, sql: str) -> None:
        self.sql = sql  #: as it was given
        self._lists = tuple(_LIST.findall(sql))
        self._lite = _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", sql).format(
            now=NOW_SQL["sqlite"], lock=""
        )
        named = _VALUE.findall(_LIST.sub(r"= :\1", sql))
        self._names = tuple(dict.fromkeys(named))
        self._post = self._numbered(_LIST.sub(r"= ANY(:\1)", sql))
        # lists of one: the server would plan each list anew, hoping for a plan of its own for it
        self._post_of_one = self._numbered(_LIST.sub(r"= :\1", sql))

    def _numbered(self, sql: str) -> str:
        """Return it for PostgreSQL, which numbers its values."""
        numbered = _VALUE.sub(lambda found: f"${self._names.index(found[1]) + 1}", sql)
        return numbered.format(now=NOW_SQL["postgresql"], lock="FOR UPDATE OF r")

    def rows(self, tx: Tx, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute once and return the rows as tuples."""
        return ask_all(tx, [(self, values)])[0]

    def write(self, tx: Tx, values: Mapping[str, Any]) -> int:
        """Execute once, with what waits in a pipeline, and return how many rows were met."""
        if tx.dialect.name == "postgresql":
            wire = wire_of(tx)
            answer = self.ask(wire, values)
            wire.exchange()
            return answer.met
        cursor = self._execute(tx, values)
        met = int(cursor.rowcount)
        cursor.close()
        return met

    def send(self, tx: Tx, values: Mapping[str, Any]) -> None:
        """Execute once, in a pipeline with what follows; nobody wants to know the answer."""
        if tx.dialect.name == "postgresql":
            wire_of(tx).send(*self._posted(values))
        else:
            self._execute(tx, values).close()

    def ask(self, wire: Wire, values: Mapping[str, Any]) -> Answer:
        """PostgreSQL: have it wait for the next exchange."""
        return wire.add(*self._posted(values))

    def found(self, tx: Tx, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """SQLite: execute it and return the rows."""
        cursor = self._execute(tx, values)
        rows = list(cursor.fetchall())
        cursor.close()
        return rows

    def _posted(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        if self._lists and all(len(values[name]) == 1 for name in self._lists):
            ones = {name: values[name][0] for name in self._lists}
            return self._post_of_one, [ones.get(name, values[name]) for name in self._names]
        return self._post, [values[name] for name in self._names]

    def _execute(self, tx: Tx, values: Mapping[str, Any]) -> Any:
        if self._lists:
            lists = {name: orjson.dumps(list(values[name])).decode() for name in self._lists}
            values = {**values, **lists}
        cursor = _cursor(tx)
        cursor.execute(self._lite, values)
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
        rows = f"SELECT * FROM json_to_recordset($1::json) AS r({columns}) {_FEW}"  # noqa: S608
        source = f"FROM (SELECT {renamed} FROM ({rows}) AS r {_FEW}) AS v"  # noqa: S608 - constants
        if sql.startswith("INSERT") and "SELECT" not in sql:
            listed = ", ".join(names)
            values = ", ".join(f":{name}" for name in names)
            self.lite = f"{sql} ({listed}) VALUES ({values})"
            chosen = ", ".join(f"v.p_{name}" for name in names)
            self.post = f"{sql} ({listed}) SELECT {chosen} {source}"
        else:
            self.lite = sql.replace("{now}", NOW_SQL["sqlite"])
            joined = _VALUE.sub(r"v.p_\1", sql.replace("{now}", NOW_SQL["postgresql"]))
            self.post = _WHERE.sub(f"{source} WHERE", joined, count=1)


def ask_all(
    tx: Tx, questions: Sequence[tuple[Query, Mapping[str, Any]]]
) -> list[list[tuple[Any, ...]]]:
    """Execute queries in order and return the rows of each; each sees what is committed by then.

    In a pipelined transaction they are sent together before the first answer is read.
    """
    if tx.dialect.name == "sqlite":
        return [query.found(tx, values) for query, values in questions]
    wire = wire_of(tx)
    answers = [query.ask(wire, values) for query, values in questions]
    wire.exchange()
    return [answer.rows for answer in answers]


class Written:
    """How many rows each Bulk met; who asks within a pipelined transaction waits for the answer.

    Args:
        asked: whether a Bulk had rows.
        met: tells the numbers of those that had.
    """

    def __init__(self, asked: Sequence[bool], met: Callable[[], Sequence[int]]) -> None:
        self._asked = asked
        self._met = met

    def counts(self) -> list[int]:
        """Return the numbers, in the order of the Bulks."""
        if not any(self._asked):
            return [0] * len(self._asked)
        met = iter(self._met())
        return [next(met) if asked else 0 for asked in self._asked]


def write_all(tx: Tx, batches: Sequence[tuple[Bulk, Rows]]) -> Written:
    """Execute Bulks in order; one without rows meets none.

    In a pipelined transaction they travel with what follows, the commit included.
    """
    asked = [bool(rows) for _, rows in batches]
    given = [(bulk, rows) for bulk, rows in batches if rows]
    if tx.dialect.name == "sqlite":
        met = [_execute_many(tx, bulk.lite, rows) for bulk, rows in given]
        return Written(asked, lambda: met)
    if not given:
        return Written(asked, tuple)
    # one JSON text each: an array for each column would cost more on both sides
    values = [orjson.dumps(rows).decode() for _, rows in given]
    wire = wire_of(tx)
    answer = wire.send(_together(tuple(bulk.post for bulk, _ in given)), values)

    def met_rows() -> Sequence[int]:
        if not answer.rows:
            wire.exchange()  # somebody wants to know it within the transaction
        return answer.rows[0]

    return Written(asked, met_rows)


def _execute_many(tx: Tx, sql: str, rows: Rows) -> int:
    cursor = _cursor(tx)
    cursor.executemany(sql, rows)
    return int(cursor.rowcount)


@functools.cache
def _together(statements: tuple[str, ...]) -> str:
    """Return one statement that writes them all and answers how many rows each has met."""
    parts = [
        f"w{n} AS ({text.replace('$1', f'${n}')} RETURNING 1)"
        for n, text in enumerate(statements, 1)
    ]
    counts = ", ".join(f"(SELECT count(*) FROM w{n})" for n in range(1, len(parts) + 1))  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {counts}"


def write(tx: Tx, bulk: Bulk, rows: Rows) -> int:
    """Execute one Bulk outside of a pipeline; return how many rows it met."""
    return write_all(tx, [(bulk, rows)]).counts()[0]


def _cursor(tx: Tx) -> Any:
    raw: Any = tx.connection.driver_connection
    return raw.cursor()
