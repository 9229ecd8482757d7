"""`/api/v1/{noun}/stats`: how many stand where, and how long the newest took."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.moment import optional_millis
from ratchet_core.api.ratchet.state import EXECUTION_STATUS, JOB_STATUS
from ratchet_core.domain.stats import (
    NEWEST,
    AttemptStats,
    Durations,
    RunStats,
    ScheduleStats,
    WorkerStats,
    WorkflowStats,
)


class DurationsSchema(AnswerSchema):
    """How long the newest took, in milliseconds; null where there is none."""

    count = shown(fields.Integer, f"How many were looked at, of the newest {NEWEST}.")
    average = shown(fields.Float, "Mean.", allow_none=True)
    median = shown(fields.Float, "Half of them took no longer.", allow_none=True)
    p95 = shown(fields.Float, "95 of 100 took no longer.", allow_none=True)
    longest = shown(fields.Float, "The longest of them.", allow_none=True)


def _counts(text: str) -> Any:
    values = fields.Integer()
    return fields.Dict(
        keys=fields.String(), values=values, required=True, metadata={"description": text}
    )


class JobStatsSchema(AnswerSchema):
    """Figures about jobs."""

    total = shown(fields.Integer, "All jobs.")
    by_status = _counts("Every status to the number of jobs.")
    by_priority = _counts("Priority to the number of jobs that are not at their end.")
    oldest_pending_at = shown(
        fields.DateTime, "When the oldest was accepted that has not started.", allow_none=True
    )
    duration_ms = fields.Nested(DurationsSchema, required=True)


class ExecutionStatsSchema(AnswerSchema):
    """Figures about executions."""

    total = shown(fields.Integer, "All executions.")
    by_status = _counts("Every status to the number of executions.")
    duration_ms = fields.Nested(DurationsSchema, required=True)


class TaskStatsSchema(AnswerSchema):
    """Figures about tasks."""

    total = shown(fields.Integer, "All tasks that are not deleted.")
    enabled = shown(fields.Integer, "Those that take new jobs.")
    disabled = shown(fields.Integer, "Those that an operator has switched off.")
    versions = shown(fields.Integer, "Versions of all of them.")
    namespaces = shown(fields.Integer, "Namespaces that hold one.")


class ScheduleStatsSchema(AnswerSchema):
    """Figures about schedules."""

    total = shown(fields.Integer, "All schedules.")
    enabled = shown(fields.Integer, "Those that an operator lets fire.")
    disabled = shown(fields.Integer, "Those that an operator has switched off.")
    exhausted = shown(fields.Integer, "Enabled ones that will never fire again.")
    next_run_at = shown(fields.DateTime, "The earliest fire time to come.", allow_none=True)
    jobs_made = shown(fields.Integer, "By all of them.")
    jobs_skipped = shown(fields.Integer, "Fire times without a job, because of an earlier one.")


class QueueStatsSchema(AnswerSchema):
    """Figures about a queue in which steps wait."""

    name = shown(fields.String, "Of the queue.")
    ready = shown(fields.Integer, "Steps that may be claimed.")
    oldest_ready_s = shown(fields.Float, "How long the oldest of them waits, in seconds.")


class WorkerStatsSchema(AnswerSchema):
    """Figures about workers, and about the steps that they hold or that wait for them."""

    total = shown(fields.Integer, "Worker processes that have not ended.")
    idle = shown(fields.Integer, "Those that hold nothing.")
    busy = shown(fields.Integer, "Those that hold at least one step.")
    silent = shown(fields.Integer, "Those whose lease has run out.")
    steps = _counts("`ready`, `claimed`, `running` and `backoff` to the number of steps.")
    queues = shown(fields.List, "Those that are not empty.", fields.Nested(QueueStatsSchema))


def declare_stats(blueprint: DoorBlueprint) -> None:
    """Add the operations to `blueprint`."""
    _declare_jobs(blueprint)
    _declare_definitions(blueprint)
    _declare_workers(blueprint)


def _declare_jobs(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/jobs/stats",
        "getJobStats",
        permission="run:read",
        answers={200: JobStatsSchema},
    )
    def get_job_stats() -> Response:
        """Count jobs by status and priority; tell how long the newest took from start to end."""
        return answer.json(show_job_stats(reads().run_stats()))

    @blueprint.operation(
        "GET",
        "/executions/stats",
        "getExecutionStats",
        permission="run:read",
        answers={200: ExecutionStatsSchema},
    )
    def get_execution_stats() -> Response:
        """Count executions by status; tell how long the newest took."""
        return answer.json(show_execution_stats(reads().attempt_stats()))


def _declare_definitions(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/tasks/stats",
        "getTaskStats",
        permission="workflow:read",
        answers={200: TaskStatsSchema},
    )
    def get_task_stats() -> Response:
        """Count tasks and their versions."""
        return answer.json(show_task_stats(reads().workflow_stats()))

    @blueprint.operation(
        "GET",
        "/schedules/stats",
        "getScheduleStats",
        permission="schedule:read",
        answers={200: ScheduleStatsSchema},
    )
    def get_schedule_stats() -> Response:
        """Count schedules and the jobs that they have made."""
        return answer.json(show_schedule_stats(reads().schedule_stats()))


def _declare_workers(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/workers/stats",
        "getWorkerStats",
        permission="metrics:read",
        answers={200: WorkerStatsSchema},
    )
    def get_worker_stats() -> Response:
        """Count workers, the steps that they hold, and those that wait for them."""
        return answer.json(show_worker_stats(reads().worker_stats()))


def show_job_stats(stats: RunStats) -> dict[str, Any]:
    """Return figures about jobs."""
    by_status = dict.fromkeys(JOB_STATUS.values(), 0)
    for state, count in stats.by_state.items():
        by_status[JOB_STATUS[state]] += count
    return {
        "total": stats.total,
        "by_status": by_status,
        "by_priority": {str(key): count for key, count in stats.by_priority.items()},
        "oldest_pending_at": optional_millis(stats.oldest_pending_at),
        "duration_ms": show_durations(stats.durations),
    }


def show_execution_stats(stats: AttemptStats) -> dict[str, Any]:
    """Return figures about executions."""
    return {
        "total": stats.total,
        "by_status": {EXECUTION_STATUS[state]: count for state, count in stats.by_state.items()},
        "duration_ms": show_durations(stats.durations),
    }


def show_task_stats(stats: WorkflowStats) -> dict[str, Any]:
    """Return figures about tasks."""
    return {
        "total": stats.enabled + stats.disabled,
        "enabled": stats.enabled,
        "disabled": stats.disabled,
        "versions": stats.versions,
        "namespaces": stats.namespaces,
    }


def show_schedule_stats(stats: ScheduleStats) -> dict[str, Any]:
    """Return figures about schedules."""
    return {
        "total": stats.enabled + stats.disabled,
        "enabled": stats.enabled,
        "disabled": stats.disabled,
        "exhausted": stats.exhausted,
        "next_run_at": optional_millis(stats.next_at),
        "jobs_made": stats.runs_made,
        "jobs_skipped": stats.runs_skipped,
    }


def show_worker_stats(stats: WorkerStats) -> dict[str, Any]:
    """Return figures about workers."""
    return {
        "total": stats.idle + stats.busy + stats.silent,
        "idle": stats.idle,
        "busy": stats.busy,
        "silent": stats.silent,
        "steps": {state.value: count for state, count in stats.steps.items()},
        "queues": [
            {"name": queue.queue, "ready": queue.ready, "oldest_ready_s": queue.oldest_ready_s}
            for queue in stats.queues
        ],
    }


def show_durations(durations: Durations) -> dict[str, Any]:
    """Return figures about durations."""
    return {
        "count": durations.count,
        "average": durations.average_ms,
        "median": durations.median_ms,
        "p95": durations.p95_ms,
        "longest": durations.longest_ms,
    }
