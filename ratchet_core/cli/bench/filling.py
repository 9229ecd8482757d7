"""A database that is full of finished runs: one real run, copied in SQL as often as is wanted."""

from __future__ import annotations

import time
from typing import Final

from ratchet_core.cli.bench.figure import SQLITE
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.store.check import repair_totals
from ratchet_core.store.prune import CHILDREN
from ratchet_core.store.schema import runs

#: Copies that one transaction makes.
_TOGETHER: Final = 10_000
#: Copies after which it is told how far it has come.
_TOLD: Final = 100_000
#: Between the ends of two copies, in microseconds: as if 500 a second had ended.
_APART_US: Final = 2_000
#: Columns that name a row; the copies get names of their own, the same in every table.
_NAMES: Final = frozenset({"id", "run_id", "step_id", "attempt_id"})
#: Made by the database.
_NUMBERED: Final = frozenset({"sequence"})
#: The first 24 characters of a UUID stay, the last twelve are the number of the copy.
_COPY: Final = {
    "sqlite": "substr({0}, 1, 24) || printf('%012x', n)",
    "postgresql": "substr({0}, 1, 24) || lpad(to_hex(n), 12, '0')",
}
#: What the database would have done by the time that so many runs had come one by one.
_SETTLED: Final = {"sqlite": ("ANALYZE",), "postgresql": ("VACUUM (ANALYZE)", "CHECKPOINT")}


def fill(site: Site, template: str, count: int, timeout_s: float = 900.0) -> None:
    """Copy a run with everything that belongs to it, so that there are `count` of it.

    Each copy has ended a little before the one made before it; the tables are then analysed, and on
    PostgreSQL vacuumed and on the disk.

    Args:
        site: whose database; nobody else writes.
        template: id of a run that is at its end.
        count: with the template.
        timeout_s: it is given up after that.

    Raises:
        RunsFailed: it was given up.
    """
    until = time.monotonic() + timeout_s
    for start in range(1, count, _TOGETHER):
        if time.monotonic() > until:
            raise RunsFailed(f"only {start:,} of {count:,} runs were stored after {timeout_s:g} s")
        if start % _TOLD == 1:
            site.tell(f"{site.database}: {start - 1:,} of {count:,} finished runs are stored")
        with site.runtime.database.write(durable=False) as tx:
            for statement in _copies(site.database, template, start, min(_TOGETHER, count - start)):
                tx.exec_driver_sql(statement)
    repair_totals(site.runtime.database)  # nobody counts what is inserted by hand
    with site.runtime.database.read() as tx:
        for statement in _SETTLED[tx.dialect.name]:
            tx.exec_driver_sql(statement)


def _copies(database: str, template: str, start: int, count: int) -> list[str]:
    named = _COPY["sqlite" if database == SQLITE else "postgresql"]
    statements = []
    for table in (runs, *CHILDREN):
        columns = [column.name for column in table.c if column.name not in _NUMBERED]
        values = [named.format(name) if name in _NAMES else name for name in columns]
        if table is runs:
            place = columns.index("completed_at")
            values[place] = f"completed_at - n * {_APART_US}"
        key = "id" if table is runs else "run_id"
        statements.append(
            f"WITH RECURSIVE numbers(n) AS (SELECT {start} UNION ALL "  # noqa: S608 - our names
            f"SELECT n + 1 FROM numbers WHERE n < {start + count - 1}) "
            f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM numbers, {table.name} WHERE {key} = '{template}'"
        )
    return statements
