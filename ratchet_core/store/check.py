"""Looking for what must not be: rows without their owner, counters that do not add up.

Each look reads one part in the order of a key, so that none keeps the database busy for long and
rows that come and go meanwhile are not mistaken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Select, Table, exists, select, tuple_

from ratchet_core.domain.plan import Counters, count
from ratchet_core.domain.states import StepState
from ratchet_core.store import counts
from ratchet_core.store.database import Database
from ratchet_core.store.prune import CHILDREN
from ratchet_core.store.schema import (
    attempts,
    journal,
    removed_runs,
    runs,
    snapshots,
    steps,
    workflows,
)

_PART: Final = 2000
_RUNS: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    table: str  #: where
    key: str  #: of the row
    reason: str  #: what is wrong with it


def findings(database: Database) -> Iterator[Finding]:
    """Yield everything that is wrong with the rows of runs."""
    for table in CHILDREN:
        yield from _without(database, table, _owned(table), "its run is gone")
    has_step = exists().where(steps.c.id == attempts.c.step_id)
    is_gone = exists().where(removed_runs.c.id == attempts.c.run_id)
    yield from _without(database, attempts, has_step | is_gone, "its step is gone")
    has_version = exists().where(snapshots.c.id == runs.c.snapshot_id)
    yield from _without(database, runs, has_version, "the version that it was made of is gone")
    has_workflow = exists().where(workflows.c.id == runs.c.workflow_id)
    yield from _without(database, runs, has_workflow, "its workflow is gone")
    yield from _wrong_counters(database)
    for counted in (counts.RUNS, counts.ATTEMPTS):
        yield from _wrong_totals(database, counted)


def repair_totals(database: Database) -> None:
    """Count runs and attempts anew; writers wait meanwhile."""
    for counted in (counts.RUNS, counts.ATTEMPTS):
        with database.write() as tx:
            counts.count_anew(tx, counted)


def _wrong_totals(database: Database, counted: counts.Counted) -> Iterator[Finding]:
    """Yield the kept totals that are wrong; counted in one look, in which nothing moves."""
    with database.snapshot() as tx:
        found = list(counts.wrong(tx, counted))
    for key, kept, real in found:
        reason = f"says {kept} {counted.table.name}, there are {real}"
        yield Finding(counted.counts.name, "/".join(map(str, key)), reason)


def _owned(table: Table) -> ColumnElement[bool]:
    has_run: ColumnElement[bool] = exists().where(runs.c.id == table.c.run_id)
    if table is journal:
        has_run |= table.c.run_id == ""  # of a schedule or a plugin
    return has_run | exists().where(removed_runs.c.id == table.c.run_id)


def _without(
    database: Database, table: Table, owned: ColumnElement[bool], reason: str
) -> Iterator[Finding]:
    """Yield the rows of a table for which a condition does not hold."""
    keys = tuple(table.primary_key.columns)
    for low, high in _parts(database, keys):
        within = (tuple_(*keys) > low, tuple_(*keys) <= high)
        statement = select(*keys).where(*within, ~owned).order_by(*keys)
        with database.read() as tx:
            rows = tx.execute(statement).all()
        for row in rows:
            yield Finding(table.name, "/".join(map(str, row)), reason)


def _parts(
    database: Database, keys: tuple[Column[Any], ...], size: int = _PART
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Yield bounds of parts of a table: after the first, up to the second."""
    low = tuple("" if key.type.python_type is str else -1 for key in keys)
    while True:
        places: Select[Any] = select(*keys).where(tuple_(*keys) > low).order_by(*keys)
        with database.read() as tx:
            found = tx.execute(places.limit(size)).all()
        if not found:
            return
        high = tuple(found[-1])
        yield low, high
        low = high


def _wrong_counters(database: Database) -> Iterator[Finding]:
    key = runs.c.id
    for (low,), (high,) in _parts(database, (key,), _RUNS):
        statement = (
            select(
                runs.c.id,
                runs.c.steps_total,
                runs.c.steps_open,
                runs.c.steps_active,
                runs.c.steps_backoff,
                runs.c.steps_failed,
                steps.c.state,
            )
            .select_from(runs.outerjoin(steps, steps.c.run_id == runs.c.id))
            .where(key > low, key <= high)
            .order_by(key)
        )
        with database.read() as tx:
            rows = tx.execute(statement).all()
        for run_id, found in groupby(rows, key=attrgetter("id")):
            reason = _counted_wrong(list(found))
            if reason is not None:
                yield Finding(runs.name, run_id, reason)


def _counted_wrong(rows: list[Any]) -> str | None:
    states = [StepState(row.state) for row in rows if row.state is not None]
    one = rows[0]
    if one.steps_total != len(states):
        return f"steps_total is {one.steps_total}, it has {len(states)} steps"
    stored = Counters(one.steps_open, one.steps_active, one.steps_backoff, one.steps_failed)
    counted = count(states)
    return None if stored == counted else f"counts {stored}, its steps are {counted}"
