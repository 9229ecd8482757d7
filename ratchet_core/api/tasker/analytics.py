"""`/tasker/analytics/*`: how it went lately, computed from stored durations. Extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_seconds
from ratchet_core.api.tasker.request import BottleneckQuery
from ratchet_core.domain.analytics import (
    AnalyticsQuery,
    Bottlenecks,
    SlowAttempt,
    SlowRun,
    Trend,
    percentile,
)
from ratchet_core.domain.states import RUN_TERMINAL, AttemptState

_HOUR_S: Final = 3600
_PERIODS: Final = {"last_hour": 1, "last_4_hours": 4, "last_24_hours": 24}
#: Edges of the buckets of durations, in seconds; the last bucket has no end.
_EDGES: Final = (0.0, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0)
_STATUS: Final[Mapping[AttemptState, str]] = {
    AttemptState.RUNNING: "in_progress",
    AttemptState.COMPLETED: "complete",
    AttemptState.FAILED: "error",
    AttemptState.CANCELLED: "cancelled",
}
_MANY_ERRORS, _FEW_GOOD_RETRIES, _LONG_WAIT_S, _SPREAD = 10.0, 50.0, 5.0, 20


class TaskerOverviewSchema(AnswerSchema):
    """How the whole stands now."""

    active_tasks = shown(fields.Integer, "Not at their end.")
    total_namespaces = shown(fields.Integer, "That hold a handler.")
    unique_task_types = shown(fields.Integer, "Handlers.")
    system_health_score = shown(
        fields.Float, "Share of good ends in 24 hours, 0 to 1; null without any.", allow_none=True
    )


class TaskerPerformanceSchema(AnswerSchema):
    """How it went lately."""

    system_overview = fields.Nested(TaskerOverviewSchema, required=True)
    performance_trends = shown(
        Json,
        "`last_hour`, `last_4_hours` and `last_24_hours` to `task_throughput`, `step_throughput`, "
        "`completion_rate` and `error_rate` (per cent of the ended ones, or null), "
        "`avg_task_duration`, `avg_step_duration` (seconds, or null) and `sampled`.",
    )
    generated_at = shown(fields.DateTime, "When it was made.")


class TaskerBottleneckReportSchema(AnswerSchema):
    """What was slow, what failed and what held tasks up."""

    scope_summary = shown(Json, "`total_tasks`, `unique_task_types`, `time_span_hours`, `sampled`.")
    bottleneck_analysis = shown(
        Json,
        "`slowest_tasks`, `slowest_steps`, `error_patterns` and `dependency_bottlenecks`.",
    )
    performance_distribution = shown(
        Json, "`tasks` and `steps` to their `percentiles` and `distribution_buckets`."
    )
    recommendations = shown(fields.List, "What to look at.", fields.String())
    scope = shown(Json, "The filters as given.")
    analysis_period_hours = shown(fields.Integer, "Up to now.")
    generated_at = shown(fields.DateTime, "When it was made.")


def declare_analytics(blueprint: DoorBlueprint) -> None:
    """Declare the operations."""

    @blueprint.operation(
        "GET",
        "/analytics/performance",
        "getAnalyticsPerformance",
        permission="analytics:read",
        spelled="tasker.analytics:index",
        answers={200: TaskerPerformanceSchema},
    )
    def get_performance() -> Response:
        """Show throughput, durations and rates of the last hour, 4 hours and 24 hours."""
        trends = {
            name: reads().trend(AnalyticsQuery(period_s=hours * _HOUR_S))
            for name, hours in _PERIODS.items()
        }
        return answer.json(
            {
                "system_overview": _overview(trends["last_24_hours"]),
                "performance_trends": {name: show_trend(item) for name, item in trends.items()},
                "generated_at": _now(),
            }
        )

    @blueprint.operation(
        "GET",
        "/analytics/bottlenecks",
        "getAnalyticsBottlenecks",
        permission="analytics:read",
        spelled="tasker.analytics:index",
        query=BottleneckQuery,
        answers={200: TaskerBottleneckReportSchema},
    )
    def get_bottlenecks(query: Mapping[str, Any]) -> Response:
        """Show what was slow, what failed and what held tasks up in a period."""
        scope = {key: query[key] for key in ("namespace", "name", "version") if key in query}
        wanted = AnalyticsQuery(period_s=query["period"] * _HOUR_S, **scope)
        found = reads().bottlenecks(wanted)
        return answer.json(
            {
                **show_bottlenecks(found, query["period"]),
                "scope": scope,
                "analysis_period_hours": query["period"],
                "generated_at": _now(),
            }
        )


def _overview(day: Trend) -> dict[str, Any]:
    by_state = reads().run_stats().by_state
    namespaces = reads().namespaces()
    return {
        "active_tasks": sum(by_state[state] for state in by_state.keys() - RUN_TERMINAL),
        "total_namespaces": len(namespaces),
        "unique_task_types": sum(len(view.workflows) for view in namespaces),
        "system_health_score": round(day.completed / day.ended, 4) if day.ended else None,
    }


def show_trend(trend: Trend) -> dict[str, Any]:
    """Return the figures of one period."""
    return {
        "task_throughput": trend.created,
        "step_throughput": trend.attempts,
        "completion_rate": _percent(trend.completed, trend.ended),
        "error_rate": _percent(trend.failed, trend.ended),
        "avg_task_duration": trend.average_run_s,
        "avg_step_duration": trend.average_attempt_s,
        "sampled": trend.looked_at < trend.created,
    }


def show_bottlenecks(found: Bottlenecks, hours: int) -> dict[str, Any]:
    """Return the figures of a report."""
    return {
        "scope_summary": {
            "total_tasks": found.runs,
            "unique_task_types": found.workflows,
            "time_span_hours": hours,
            "sampled": found.is_sampled,
        },
        "bottleneck_analysis": {
            "slowest_tasks": [_slow_task(run) for run in found.slow_runs],
            "slowest_steps": [_slow_step(attempt) for attempt in found.slow_attempts],
            "error_patterns": _error_patterns(found),
            "dependency_bottlenecks": _dependency_bottlenecks(found),
        },
        "performance_distribution": {
            "tasks": _distribution(found.run_durations_us),
            "steps": _distribution(found.attempt_durations_us),
        },
        "recommendations": _recommendations(found),
    }


def _slow_task(run: SlowRun) -> dict[str, Any]:
    return {
        "task_id": run.run_id,
        "task_name": run.workflow,
        "namespace_name": run.namespace,
        "version": run.version,
        "duration_seconds": run.duration_us / 1_000_000,
        "step_count": run.steps_total,
        "completed_steps": run.steps_total - run.steps_open - run.steps_failed,
        "error_steps": run.steps_failed,
        "created_at": to_seconds(run.created_at),
        "completed_at": to_seconds(run.completed_at),
        "initiator": run.origin.get("initiator"),
        "source_system": run.origin.get("source_system"),
    }


def _slow_step(attempt: SlowAttempt) -> dict[str, Any]:
    return {
        "workflow_step_id": attempt.step_id,
        "task_id": attempt.run_id,
        "step_name": attempt.step,
        "task_name": attempt.workflow,
        "namespace_name": attempt.namespace,
        "version": attempt.version,
        "duration_seconds": attempt.duration_us / 1_000_000,
        "attempt": attempt.number,
        "step_status": _STATUS[attempt.state],
        "started_at": to_seconds(attempt.started_at),
        "completed_at": to_seconds(attempt.completed_at),
    }


def _error_patterns(found: Bottlenecks) -> dict[str, Any]:
    return {
        "total_errors": found.attempts_failed,
        "recent_error_rate": _percent(found.attempts_failed, found.attempts_ended),
        "common_error_types": [
            {"error_type": kind, "count": count} for kind, count in found.error_types
        ],
        "retry_success_rate": _percent(found.retries_completed, found.retries),
    }


def _dependency_bottlenecks(found: Bottlenecks) -> dict[str, Any]:
    return {
        "blocking_dependencies": [
            {
                "step_name": blocker.step,
                "task_name": blocker.workflow,
                "namespace_name": blocker.namespace,
                "blocked_tasks": blocker.runs,
            }
            for blocker in found.blockers
        ],
        "avg_wait_time": found.average_wait_s,
    }


def _distribution(ordered_us: Sequence[int]) -> dict[str, Any]:
    seconds = [value / 1_000_000 for value in ordered_us]
    buckets = [
        {
            "range": f"{low:g}-{high:g}s",
            "count": sum(low <= value < high for value in seconds),
        }
        for low, high in pairwise(_EDGES)
    ]
    last = {"range": f">{_EDGES[-1]:g}s", "count": sum(value >= _EDGES[-1] for value in seconds)}
    return {
        "count": len(ordered_us),
        "percentiles": {f"p{rank}": _rank_s(ordered_us, rank) for rank in (50, 95, 99)},
        "distribution_buckets": [*buckets, last],
    }


def _rank_s(ordered_us: Sequence[int], rank: int) -> float | None:
    value = percentile(ordered_us, rank)
    return None if value is None else value / 1_000_000


def _recommendations(found: Bottlenecks) -> list[str]:
    told = []
    error_rate = _percent(found.attempts_failed, found.attempts_ended)
    if error_rate is not None and error_rate > _MANY_ERRORS:
        kind = f", most often by {found.error_types[0][0]}" if found.error_types else ""
        told.append(f"{error_rate:g} % of the attempts failed{kind}")
    good = _percent(found.retries_completed, found.retries)
    if good is not None and good < _FEW_GOOD_RETRIES:
        told.append(f"Only {good:g} % of the retries went well: the errors may be permanent")
    if found.blockers:
        worst = found.blockers[0]
        told.append(f"Step '{worst.step}' of '{worst.workflow}' failed {worst.runs} tasks")
    if found.average_wait_s is not None and found.average_wait_s > _LONG_WAIT_S:
        told.append(f"Tasks wait {found.average_wait_s:.1f} s for a worker: start more of them")
    half, most = (percentile(found.attempt_durations_us, rank) for rank in (50, 99))
    if half and most and most > _SPREAD * half:
        told.append(
            "The slowest steps take over 20 times as long as half of them: see slowest_steps"
        )
    return told


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _now() -> str:
    return to_seconds(datetime.now(UTC))
