"""PostgreSQL keeps a plan that it made while a table was small: it must be good for a large one."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import ratchet_core.store
from ratchet_core.store.database import Database
from ratchet_core.store.driver import Bulk, Query
from ratchet_core.store.schema import metadata
from tests.contract.engine_house import House, workflow

#: A node of a plan that reads a table or its index.
NODE = re.compile(r"^\s*(?:->\s+)?(Seq Scan|(?:Bitmap )?Index(?: Only)? Scan)\b.* on \w+")


def _updates() -> dict[str, Bulk]:
    """Return every Bulk of the store that changes rows, by where it stands."""
    found: dict[str, Bulk] = {}
    for module in pkgutil.iter_modules(ratchet_core.store.__path__, "ratchet_core.store."):
        if module.ispkg:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Bulk) and value.post.lstrip().startswith("UPDATE"):
                found.setdefault(f"{module.name.rpartition('.')[2]}.{name}", value)
    return found


UPDATES = _updates()


def unguided(plan: list[str]) -> list[str]:
    """Return the nodes of a plan that read a whole table, or a whole index."""
    found = []
    for number, line in enumerate(plan):
        node = NODE.match(line)
        if node is None:
            continue
        below = plan[number + 1 : number + 2]
        if node[1] == "Seq Scan" or not any("Index Cond" in next_ for next_ in below):
            found.append(line.strip())
    return found


def forget_what_was_analysed(database: Database) -> None:
    """Make the server know as little of the tables as it does of new ones."""
    with database.read() as tx:
        for table in metadata.tables:
            tx.exec_driver_sql(f"TRUNCATE {table}")


def store(house: House, runs: int) -> None:
    """Store runs whose first step has ended, and have the server look at them."""
    house.define(workflow("w", a=[], b=["a"]))
    for _ in range(runs):
        house.submit("w")
    drain = house.drain()
    drain.conclude(drain.claim(runs))
    with house.database.read() as tx:
        tx.exec_driver_sql("ANALYZE runs, steps, attempts")


@pytest.mark.parametrize("runs", [0, 40])
@pytest.mark.parametrize("name", sorted(UPDATES))
def test_a_bulk_that_is_planned_on_small_tables_looks_each_row_up(
    house: House, name: str, runs: int
) -> None:
    if house.database.dialect != "postgresql":
        pytest.skip("SQLite finds rows one by one")
    forget_what_was_analysed(house.database)
    if runs:
        store(house, runs)

    explain = Query(f"EXPLAIN {UPDATES[name].post.replace('$1', ':rows')}")

    with house.database.read() as tx:
        plan = [str(row[0]) for row in explain.rows(tx, {"rows": "[]"})]

    assert any(NODE.match(line) for line in plan), "\n".join(plan)
    assert unguided(plan) == [], "\n".join(plan)


def test_the_bulks_of_the_hot_path_are_among_them() -> None:
    assert {"transitions.END_STEPS", "transitions.FREE_STEPS", "transitions.MOVE_RUNS"} <= set(
        UPDATES
    )


@pytest.mark.parametrize("count", [1, 2])
def test_rows_are_found_by_one_id_and_by_several(house: House, count: int) -> None:
    ids = [f"id {number}" for number in range(count)]
    found = Query("SELECT count(*) FROM journal WHERE name IN :names[] AND run_id = :run")
    note = Query("INSERT INTO journal (run_id, name, at) VALUES (:run, :name, 1)")

    with house.database.write() as tx:
        for one in ids:
            note.write(tx, {"run": "r", "name": one})
        rows = found.rows(tx, {"names": ids, "run": "r"})

    assert rows == [(count,)]
