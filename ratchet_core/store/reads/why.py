"""Gathering the facts from which `domain.why` explains what keeps a run, as of one moment."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import and_, func, or_, select, text

from ratchet_core.domain.events import EventName
from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.states import StepState
from ratchet_core.domain.why import MOST_AHEAD, PauseFacts, RunFacts, StepFacts
from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.errors import RunNotFound
from ratchet_core.store.clock import known_datetime, now_us, to_datetime
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.definitions import SnapshotCache
from ratchet_core.store.reads.rows import error_view, run_view
from ratchet_core.store.reads.worker import open_drains
from ratchet_core.store.schema import journal, pauses, runs, steps

_COLUMNS: Final = (
    steps.c.id,
    steps.c.position,
    steps.c.name,
    steps.c.queue,
    steps.c.priority,
    steps.c.state,
    steps.c.ready_at,
    steps.c.attempts,
    steps.c.drain_id,
    steps.c.error,
    steps.c.started_at,
)


def facts(tx: Tx, cache: SnapshotCache, run_id: str) -> RunFacts:
    """Return what is known of a run and of who could work on it.

    Args:
        tx: a snapshot, so that all of it is of one moment.
        cache: of parsed definitions.
        run_id: of the run.

    Raises:
        RunNotFound: no such run.
    """
    row = tx.execute(select(runs, now_us().label("now")).where(runs.c.id == run_id)).first()
    if row is None:
        raise RunNotFound(run_id)
    definition = cache.load(tx, [row.snapshot_id])[row.snapshot_id]
    found = tx.execute(
        select(*_COLUMNS).where(steps.c.run_id == run_id).order_by(steps.c.position)
    ).all()
    return RunFacts(
        run=run_view(row),
        steps=tuple(_step(step, definition.steps[step.position]) for step in found),
        drains=open_drains(tx),
        now=known_datetime(row.now),
        pauses=_pauses(tx, row.workflow_id, {step.queue for step in found}),
        cancelled_by=_cancelled_by(tx, run_id) if row.state == "cancelled" else None,
        ahead=_ahead(tx, found),
    )


def _step(row: AnyRow, definition: StepDefinition) -> StepFacts:
    return StepFacts(
        name=row.name,
        state=StepState(row.state),
        queue=row.queue,
        handler=definition.handler,
        depends_on=definition.depends_on,
        attempts=row.attempts,
        attempt_limit=definition.attempt_limit,
        ready_at=to_datetime(row.ready_at),
        started_at=to_datetime(row.started_at),
        drain_id=row.drain_id,
        error=error_view(row.error),
    )


def _pauses(tx: Tx, workflow_id: str, queues: set[str]) -> tuple[PauseFacts, ...]:
    chosen = or_(
        and_(pauses.c.kind == PauseKind.WORKFLOW.value, pauses.c.subject == workflow_id),
        and_(pauses.c.kind == PauseKind.QUEUE.value, pauses.c.subject.in_(sorted(queues))),
    )
    return tuple(
        PauseFacts(
            kind=PauseKind(row.kind),
            subject=row.subject,
            by=row.paused_by,
            since=known_datetime(row.paused_at),
        )
        for row in tx.execute(select(pauses).where(chosen))
    )


def _cancelled_by(tx: Tx, run_id: str) -> str | None:
    statement = (
        select(journal.c.data)
        .where(journal.c.run_id == run_id, journal.c.name == EventName.RUN_CANCELLED.value)
        .order_by(journal.c.sequence.desc())
        .limit(1)
    )
    told = tx.execute(statement).scalar()
    by: str | None = orjson.loads(told).get("by") if told else None
    return by


def _ahead(tx: Tx, found: Any) -> dict[str, int]:
    """Count what comes before the first ready step; for the others it is much the same."""
    ready = [row for row in found if row.state == StepState.READY]
    if not ready:
        return {}
    first = min(ready, key=lambda row: (row.ready_at, row.id))
    before = or_(
        steps.c.priority > first.priority,
        and_(
            steps.c.priority == first.priority,
            or_(
                steps.c.ready_at < first.ready_at,
                and_(steps.c.ready_at == first.ready_at, steps.c.id < first.id),
            ),
        ),
    )
    counted = (
        select(steps.c.id)
        .where(text("steps.state = 'ready'"), steps.c.queue == first.queue, before)
        .limit(MOST_AHEAD)
        .subquery()
    )
    return {first.name: int(tx.execute(select(func.count()).select_from(counted)).scalar_one())}
