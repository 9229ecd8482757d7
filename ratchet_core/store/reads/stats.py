"""Figures about what is stored, from counters and indexes: history is never counted.

Durations are those of the newest ones, so that they cost the same however long history is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, select, text

from ratchet_core.domain.query import Window
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
from ratchet_core.store import counts
from ratchet_core.store.claims import backlog
from ratchet_core.store.clock import to_datetime
from ratchet_core.store.counts import Choice
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.reads.listing import Span, part
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
            counted = counts.by(tx, counts.RUNS, ["state"], _seen(scope))
            return RunStats(
                by_state={state: counted.get(state.value, 0) for state in RunState},
                by_priority=_priorities(tx, scope),
                oldest_pending_at=_oldest_pending(tx, scope),
                durations=_run_durations(tx, scope),
            )

    def attempts(self, scope: Scope) -> AttemptStats:
        """Return figures about attempts."""
        with self._database.snapshot() as tx:
            counted = counts.by(tx, counts.ATTEMPTS, ["state"], _seen(scope))
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


def _seen(scope: Scope) -> Choice:
    return () if scope is None else [("namespace", scope)]


def _standing(tx: Tx) -> dict[str, int]:
    """Count the steps that wait or are held, each kind by its partial index."""
    found: dict[str, int] = {}
    for condition in (text("state = 'ready'"), text("state = 'backoff'"), HELD):
        statement = select(steps.c.state, func.count().label("count")).where(condition)
        found.update({row[0]: row[1] for row in tx.execute(statement.group_by(steps.c.state))})
    return found


def _priorities(tx: Tx, scope: Scope) -> dict[int, int]:
    choice = [*_seen(scope), ("state", _OPEN_RUNS)]
    found = counts.by(tx, counts.RUNS, ["priority"], choice)
    return dict(sorted(found.items(), reverse=True))


def _oldest_pending(tx: Tx, scope: Scope) -> Any:
    choice = [*_seen(scope), ("state", [RunState.PENDING.value])]
    oldest = part(tx, counts.RUNS, choice, Span(), Window(limit=1, order="asc"))
    statement = select(runs.c.created_at).where(runs.c.id.in_(oldest.ids))
    return to_datetime(tx.execute(statement).scalar())


def _run_durations(tx: Tx, scope: Scope) -> Durations:
    choice = [*_seen(scope), ("state", [RunState.COMPLETED.value])]
    newest = part(tx, counts.RUNS, choice, Span(), Window(limit=NEWEST))
    statement = select(runs.c.completed_at - runs.c.started_at).where(
        runs.c.id.in_(newest.ids),
        runs.c.started_at.is_not(None),
        runs.c.completed_at.is_not(None),
    )
    return durations_of(tx.execute(statement).scalars().all())


def _attempt_durations(tx: Tx, scope: Scope) -> Durations:
    newest = (
        select(attempts.c.namespace, attempts.c.duration_us)
        .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    statement = select(newest.c.duration_us).where(newest.c.duration_us.is_not(None))
    return durations_of(tx.execute(_within(statement, newest.c.namespace, scope)).scalars().all())
