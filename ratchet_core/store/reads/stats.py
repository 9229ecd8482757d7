"""Figures about what is stored, from indexes: no row of a finished run or attempt is read.

Only where a caller is limited to namespaces, whose states no index holds, rows are looked at.
Durations are those of the newest ones, so that they cost the same however long history is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, and_, func, select, text

from ratchet_core.domain.states import RUN_TERMINAL, AttemptState, RunState, StepState
from ratchet_core.domain.stats import (
    NEWEST,
    AttemptStats,
    Durations,
    QueueStats,
    RunStats,
    ScheduleStats,
    WorkerStats,
    WorkflowStats,
    durations_of,
)
from ratchet_core.store.claims import backlog
from ratchet_core.store.clock import to_datetime
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.reads.worker import HELD, open_drains
from ratchet_core.store.schema import attempts, runs, schedules, snapshots, steps, workflows

#: Namespaces that a caller may see; None: all.
Scope = Sequence[str] | None

_OPEN_RUNS: Final = tuple(state.value for state in RunState if state not in RUN_TERMINAL)
_OPEN_STEPS: Final = (StepState.READY, StepState.CLAIMED, StepState.RUNNING, StepState.BACKOFF)


class StatsReads:
    """Answers how many stand where."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, scope: Scope) -> RunStats:
        """Return figures about runs."""
        with self._database.snapshot() as tx:
            counted = _counted(tx, runs.c.state, runs.c.namespace, scope)
            return RunStats(
                by_state={state: counted.get(state.value, 0) for state in RunState},
                by_priority=_priorities(tx, scope),
                oldest_pending_at=_oldest_pending(tx, scope),
                durations=_run_durations(tx, scope),
            )

    def attempts(self, scope: Scope) -> AttemptStats:
        """Return figures about attempts."""
        with self._database.snapshot() as tx:
            counted = _counted(tx, attempts.c.state, attempts.c.namespace, scope)
            return AttemptStats(
                by_state={state: counted.get(state.value, 0) for state in AttemptState},
                durations=_attempt_durations(tx, scope),
            )

    def workflows(self, scope: Scope) -> WorkflowStats:
        """Return figures about workflows that are not deleted."""
        live = (
            select(workflows.c.enabled, workflows.c.namespace, func.count().label("versions"))
            .join_from(workflows, snapshots, snapshots.c.workflow_id == workflows.c.id)
            .where(snapshots.c.retired_at.is_(None), snapshots.c.deleted_at.is_(None))
            .group_by(workflows.c.id, workflows.c.enabled, workflows.c.namespace)
        )
        with self._database.read() as tx:
            found = tx.execute(_within(live, workflows.c.namespace, scope)).all()
        enabled = sum(bool(row.enabled) for row in found)
        return WorkflowStats(
            enabled=enabled,
            disabled=len(found) - enabled,
            versions=sum(row.versions for row in found),
            namespaces=len({row.namespace for row in found}),
        )

    def schedules(self, scope: Scope) -> ScheduleStats:
        """Return figures about schedules."""
        is_exhausted = and_(schedules.c.next_at.is_(None), schedules.c.waiting.is_(None))
        statement = (
            select(
                schedules.c.enabled,
                func.count().label("number"),
                func.count().filter(is_exhausted).label("exhausted"),
                func.min(schedules.c.next_at).label("next_at"),
                func.coalesce(func.sum(schedules.c.runs_made), 0).label("made"),
                func.coalesce(func.sum(schedules.c.runs_skipped), 0).label("skipped"),
            )
            .where(schedules.c.deleted_at.is_(None))
            .group_by(schedules.c.enabled)
        )
        with self._database.read() as tx:
            found = tx.execute(_within(statement, schedules.c.namespace, scope)).all()
        return ScheduleStats(
            enabled=sum(row.number for row in found if row.enabled),
            disabled=sum(row.number for row in found if not row.enabled),
            exhausted=sum(row.exhausted for row in found if row.enabled),
            next_at=to_datetime(min((row.next_at for row in found if row.next_at), default=None)),
            runs_made=int(sum(row.made for row in found)),
            runs_skipped=int(sum(row.skipped for row in found)),
        )

    def workers(self) -> WorkerStats:
        """Return figures about drains and about steps that wait for one or are held by one."""
        with self._database.snapshot() as tx:
            drains = open_drains(tx)
            waiting = sorted(backlog(tx), key=lambda item: item.queue)
            standing = _standing(tx)
        alive = [drain for drain in drains if drain.is_alive]
        busy = sum(drain.held > 0 for drain in alive)
        return WorkerStats(
            idle=len(alive) - busy,
            busy=busy,
            silent=len(drains) - len(alive),
            steps={state: standing.get(state.value, 0) for state in _OPEN_STEPS},
            queues=tuple(
                QueueStats(queue=item.queue, ready=item.ready, oldest_ready_s=item.oldest_age_s)
                for item in waiting
            ),
        )


def _within(statement: Any, column: ColumnElement[Any], scope: Scope) -> Any:
    return statement if scope is None else statement.where(column.in_(scope))


def _counted(tx: Tx, column: Column[str], namespace: Column[str], scope: Scope) -> dict[str, int]:
    statement = select(column, func.count().label("count")).group_by(column)
    return {row[0]: row[1] for row in tx.execute(_within(statement, namespace, scope))}


def _standing(tx: Tx) -> dict[str, int]:
    """Count the steps that wait or are held, each kind by its partial index."""
    found: dict[str, int] = {}
    for condition in (text("state = 'ready'"), text("state = 'backoff'"), HELD):
        statement = select(steps.c.state, func.count().label("count")).where(condition)
        found.update({row[0]: row[1] for row in tx.execute(statement.group_by(steps.c.state))})
    return found


def _priorities(tx: Tx, scope: Scope) -> dict[int, int]:
    statement = (
        select(runs.c.priority, func.count().label("count"))
        .where(runs.c.state.in_(_OPEN_RUNS))
        .group_by(runs.c.priority)
        .order_by(runs.c.priority.desc())
    )
    return {row.priority: row[1] for row in tx.execute(_within(statement, runs.c.namespace, scope))}


def _oldest_pending(tx: Tx, scope: Scope) -> Any:
    statement = (
        select(runs.c.created_at)
        .where(runs.c.state == RunState.PENDING.value)
        .order_by(runs.c.created_at, runs.c.id)
        .limit(1)
    )
    return to_datetime(tx.execute(_within(statement, runs.c.namespace, scope)).scalar())


def _run_durations(tx: Tx, scope: Scope) -> Durations:
    newest = (
        select(runs.c.namespace, runs.c.started_at, runs.c.completed_at)
        .where(runs.c.state == RunState.COMPLETED.value)
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    statement = select(newest.c.completed_at - newest.c.started_at).where(
        newest.c.started_at.is_not(None), newest.c.completed_at.is_not(None)
    )
    return durations_of(tx.execute(_within(statement, newest.c.namespace, scope)).scalars().all())


def _attempt_durations(tx: Tx, scope: Scope) -> Durations:
    newest = (
        select(attempts.c.namespace, attempts.c.duration_us)
        .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    statement = select(newest.c.duration_us).where(newest.c.duration_us.is_not(None))
    return durations_of(tx.execute(_within(statement, newest.c.namespace, scope)).scalars().all())
