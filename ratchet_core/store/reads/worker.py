"""Reading the drains that have not ended, with what each of them holds."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import orjson
from sqlalchemy import Select, select, text

from ratchet_core.domain.states import StepState
from ratchet_core.domain.views import DrainView, HeldStepView
from ratchet_core.store.clock import known_datetime, now_us, to_datetime
from ratchet_core.store.database import AnyRow, Database, Tx
from ratchet_core.store.schema import drains, runs, steps

#: As the partial index says it: with values bound to it the planner could not use that index.
HELD: Final = text("steps.state IN ('claimed', 'running')")


class WorkerReads:
    """Answers questions about who works."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drains(self) -> tuple[DrainView, ...]:
        """Return the drains that have not ended, silent ones too, oldest first."""
        with self._database.snapshot() as tx:
            return open_drains(tx)

    def drain(self, drain_id: str) -> DrainView | None:
        """Return one drain; None where there is none, or it has ended."""
        with self._database.snapshot() as tx:
            found = open_drains(tx, drain_id)
        return found[0] if found else None


def open_drains(tx: Tx, drain_id: str | None = None) -> tuple[DrainView, ...]:
    """Return the drains that have not ended, oldest first; only one where it is named.

    Two statements on partial indexes: neither ended drains nor steps that nobody holds are read.
    """
    held, current = _held(tx, drain_id)
    return tuple(_view(row, held, current) for row in tx.execute(_open(drain_id)))


def _open(drain_id: str | None) -> Select[Any]:
    statement = (
        select(drains, (drains.c.lease_until > now_us()).label("is_alive"))
        .where(drains.c.closed_at.is_(None))
        .order_by(drains.c.started_at, drains.c.id)
    )
    return statement if drain_id is None else statement.where(drains.c.id == drain_id)


def _held(tx: Tx, drain_id: str | None) -> tuple[Counter[str], dict[str, HeldStepView]]:
    """Return how many steps each drain holds, and the one that it has told to perform."""
    statement = (
        select(
            steps.c.drain_id,
            steps.c.state,
            steps.c.run_id,
            steps.c.name.label("step"),
            steps.c.attempt_id,
            steps.c.started_at,
            runs.c.namespace,
            runs.c.name,
        )
        .join_from(steps, runs, runs.c.id == steps.c.run_id)
        .where(HELD)
    )
    if drain_id is not None:
        statement = statement.where(steps.c.drain_id == drain_id)
    held: Counter[str] = Counter()
    current: dict[str, HeldStepView] = {}
    for row in tx.execute(statement):
        held[row.drain_id] += 1
        if row.state == StepState.RUNNING:
            current[row.drain_id] = HeldStepView(
                run_id=row.run_id,
                namespace=row.namespace,
                workflow=row.name,
                step=row.step,
                attempt_id=row.attempt_id,
                started_at=to_datetime(row.started_at),
            )
    return held, current


def _view(row: AnyRow, held: Counter[str], current: dict[str, HeldStepView]) -> DrainView:
    return DrainView(
        id=row.id,
        worker=row.worker,
        host=row.host,
        pid=row.pid,
        queues=tuple(orjson.loads(row.queues)),
        handlers=None if row.handlers is None else tuple(orjson.loads(row.handlers)),
        started_at=known_datetime(row.started_at),
        renewed_at=to_datetime(row.renewed_at),
        lease_until=known_datetime(row.lease_until),
        is_alive=bool(row.is_alive),
        held=held[row.id],
        current=current.get(row.id),
    )
