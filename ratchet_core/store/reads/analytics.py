"""Figures about a period, from stored runs and attempts and nothing else.

Each statement reads at most the newest `SAMPLE` rows of the period, in the order of an index, but
for the exact counts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Subquery, case, distinct, func, select

from ratchet_core.domain.analytics import (
    SAMPLE,
    TOP,
    AnalyticsQuery,
    Blocker,
    Bottlenecks,
    SlowAttempt,
    SlowRun,
    Trend,
)
from ratchet_core.domain.states import AttemptState, RunState
from ratchet_core.store.clock import known_datetime, now_us
from ratchet_core.store.counts import ATTEMPTS, RUNS, Choice, Counted, conditions
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.reads import listing
from ratchet_core.store.reads.rows import json_or_none
from ratchet_core.store.schema import attempts, runs

_WELL: Final = (RunState.COMPLETED.value, RunState.RESOLVED.value)


class AnalyticsReads:
    """Answers how it went lately."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def trend(self, query: AnalyticsQuery) -> Trend:
        """Return what became of the runs of a period."""
        with self._database.read() as tx:
            newest, tried = _newest_runs(tx, query), _newest_attempts(query)
            took = newest.c.completed_at - _started(newest)
            counted = tx.execute(
                select(
                    func.count().label("all"),
                    func.sum(_one_if(newest.c.state.in_(_WELL))).label("completed"),
                    func.sum(_one_if(newest.c.state == RunState.FAILED.value)).label("failed"),
                    func.sum(_one_if(newest.c.state == RunState.CANCELLED.value)).label(
                        "cancelled"
                    ),
                    func.avg(case((newest.c.state.in_(_WELL), took))).label("took"),
                )
            ).one()
            return Trend(
                period_s=query.period_s,
                created=_count(tx, RUNS, query),
                attempts=_count(tx, ATTEMPTS, query),
                looked_at=counted.all,
                completed=counted.completed or 0,
                failed=counted.failed or 0,
                cancelled=counted.cancelled or 0,
                average_run_s=_seconds(counted.took),
                average_attempt_s=_seconds(
                    tx.execute(select(func.avg(tried.c.duration_us))).scalar()
                ),
            )

    def bottlenecks(self, query: AnalyticsQuery) -> Bottlenecks:
        """Return what was slow, what failed and what held runs up in a period."""
        with self._database.read() as tx:
            newest, tried = _newest_runs(tx, query), _newest_attempts(query)
            total = _count(tx, RUNS, query)
            wait = select(func.avg(newest.c.started_at - newest.c.created_at))
            kinds = select(func.count(distinct(newest.c.workflow_id)))
            ended = _attempt_figures(tx, tried)
            run_durations = _durations(tx, newest.c.completed_at - _started(newest), newest)
            return Bottlenecks(
                runs=total,
                workflows=int(tx.execute(kinds).scalar_one()),
                attempts_ended=ended.ended or 0,
                attempts_failed=ended.failed or 0,
                retries=ended.retries or 0,
                retries_completed=ended.retries_completed or 0,
                error_types=_error_types(tx, tried),
                slow_runs=_slow_runs(tx, newest),
                slow_attempts=_slow_attempts(tx, tried),
                blockers=_blockers(tx, newest),
                run_durations_us=run_durations,
                attempt_durations_us=_durations(tx, tried.c.duration_us, tried),
                average_wait_s=_seconds(tx.execute(wait).scalar()),
                is_sampled=max(total, ended.looked_at) >= SAMPLE,
            )


def _choice(query: AnalyticsQuery) -> Choice:
    given = {"namespace": query.namespace, "name": query.name, "version": query.version}
    choice = [(name, [value]) for name, value in given.items() if value is not None]
    if query.namespaces is not None:
        choice.append(("namespace", list(query.namespaces)))
    return choice


def _since(counted: Counted, query: AnalyticsQuery) -> ColumnElement[bool]:
    column: ColumnElement[int] = counted.table.c[counted.order]
    return column >= now_us() - query.period_s * 1_000_000


def _run_filters(tx: Tx, query: AnalyticsQuery) -> list[ColumnElement[bool]]:
    """Return the conditions on runs; where many match, the index of their time alone serves them.

    Few are sorted sooner than that index is read.
    """
    choice = _choice(query)
    if listing.total(tx, RUNS, choice, listing.Span()) <= SAMPLE:
        return conditions(runs, choice)
    return [(runs.c[name] + "").in_(values) for name, values in choice]


def _count(tx: Tx, counted: Counted, query: AnalyticsQuery) -> int:
    now = int(tx.execute(select(now_us())).scalar_one())
    span = listing.Span(first=now - query.period_s * 1_000_000)
    return listing.total(tx, counted, _choice(query), span)


def _newest_runs(tx: Tx, query: AnalyticsQuery) -> Subquery:
    statement = select(
        runs.c.id,
        runs.c.workflow_id,
        runs.c.namespace,
        runs.c.name,
        runs.c.version,
        runs.c.state,
        runs.c.error,
        runs.c.origin,
        runs.c.steps_total,
        runs.c.steps_open,
        runs.c.steps_failed,
        runs.c.created_at,
        runs.c.started_at,
        runs.c.completed_at,
    ).where(_since(RUNS, query), *_run_filters(tx, query))
    ordered = statement.order_by(runs.c.created_at.desc(), runs.c.id.desc())
    return ordered.limit(SAMPLE).subquery()


def _newest_attempts(query: AnalyticsQuery) -> Subquery:
    statement = select(
        attempts.c.step_id,
        attempts.c.run_id,
        attempts.c.step,
        attempts.c.namespace,
        attempts.c.name,
        attempts.c.version,
        attempts.c.state,
        attempts.c.error,
        attempts.c.number,
        attempts.c.started_at,
        attempts.c.completed_at,
        attempts.c.duration_us,
    ).where(_since(ATTEMPTS, query), *conditions(attempts, _choice(query)))
    ordered = statement.order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
    return ordered.limit(SAMPLE).subquery()


def _started(newest: Subquery) -> ColumnElement[int]:
    return func.coalesce(newest.c.started_at, newest.c.created_at)


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _attempt_figures(tx: Tx, tried: Subquery) -> Any:
    completed = tried.c.state == AttemptState.COMPLETED.value
    failed = tried.c.state == AttemptState.FAILED.value
    again = (tried.c.number > 1) & (completed | failed)
    return tx.execute(
        select(
            func.count().label("looked_at"),
            func.sum(_one_if(completed | failed)).label("ended"),
            func.sum(_one_if(failed)).label("failed"),
            func.sum(_one_if(again)).label("retries"),
            func.sum(_one_if(again & completed)).label("retries_completed"),
        ).select_from(tried)
    ).one()


def _durations(tx: Tx, column: ColumnElement[int], source: Subquery) -> tuple[int, ...]:
    statement = select(column).select_from(source).where(source.c.completed_at.is_not(None))
    return tuple(sorted(value for value in tx.execute(statement).scalars() if value is not None))


def _error_types(tx: Tx, tried: Subquery) -> tuple[tuple[str, int], ...]:
    statement = select(tried.c.error).where(tried.c.state == AttemptState.FAILED.value)
    found = Counter(orjson.loads(text)["type"] for text in tx.execute(statement).scalars() if text)
    return tuple(found.most_common(TOP))


def _blockers(tx: Tx, newest: Subquery) -> tuple[Blocker, ...]:
    statement = select(newest.c.namespace, newest.c.name, newest.c.error).where(
        newest.c.state == RunState.FAILED.value, newest.c.error.is_not(None)
    )
    found = Counter(
        (row.namespace, row.name, orjson.loads(row.error).get("step"))
        for row in tx.execute(statement)
    )
    return tuple(
        Blocker(namespace=namespace, workflow=name, step=step, runs=count)
        for (namespace, name, step), count in found.most_common(TOP)
        if step is not None
    )


def _slow_runs(tx: Tx, newest: Subquery) -> tuple[SlowRun, ...]:
    took = newest.c.completed_at - _started(newest)
    statement = (
        select(newest, took.label("took"))
        .where(newest.c.completed_at.is_not(None))
        .order_by(took.desc(), newest.c.id)
        .limit(TOP)
    )
    return tuple(
        SlowRun(
            run_id=row.id,
            namespace=row.namespace,
            workflow=row.name,
            version=row.version,
            duration_us=row.took,
            steps_total=row.steps_total,
            steps_open=row.steps_open,
            steps_failed=row.steps_failed,
            created_at=known_datetime(row.created_at),
            completed_at=known_datetime(row.completed_at),
            origin=json_or_none(row.origin) or {},
        )
        for row in tx.execute(statement)
    )


def _slow_attempts(tx: Tx, tried: Subquery) -> tuple[SlowAttempt, ...]:
    statement = (
        select(tried)
        .where(tried.c.duration_us.is_not(None), tried.c.completed_at.is_not(None))
        .order_by(tried.c.duration_us.desc(), tried.c.step_id)
        .limit(TOP)
    )
    return tuple(
        SlowAttempt(
            step_id=row.step_id,
            run_id=row.run_id,
            step=row.step,
            namespace=row.namespace,
            workflow=row.name,
            version=row.version,
            duration_us=row.duration_us,
            number=row.number,
            state=AttemptState(row.state),
            started_at=known_datetime(row.started_at),
            completed_at=known_datetime(row.completed_at),
        )
        for row in tx.execute(statement)
    )


def _seconds(value_us: Any) -> float | None:
    return None if value_us is None else round(float(value_us) / 1_000_000, 6)
