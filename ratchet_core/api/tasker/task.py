"""Tasks of `/tasker`: how runs and steps are shown (seed 002, "Task Management API")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from marshmallow import fields

from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import optional_seconds, to_seconds
from ratchet_core.api.tasker.analysis import analyse_dependencies
from ratchet_core.api.tasker.analysis_schema import TaskerAnalysisSchema
from ratchet_core.api.tasker.dependency import show_dependencies
from ratchet_core.api.tasker.state import STEP_STATUS, TASK_STATUS
from ratchet_core.domain.states import StepState
from ratchet_core.domain.views import RunView, StepView


class TaskerTaskSchema(AnswerSchema):
    """A task."""

    id = shown(fields.String, "UUID of the task.")
    name = shown(fields.String, "Of its handler.")
    namespace = shown(fields.String, "Of its handler.")
    version = shown(fields.String, "Of its handler, when the task was made.")
    full_name = shown(fields.String, "`namespace.name@version`.")
    status = shown(
        fields.String,
        "Where the task stands.",
        metadata={"enum": list(dict.fromkeys(TASK_STATUS.values()))},
    )
    context = shown(Json, "As submitted.")
    created_at = shown(fields.DateTime, "When it was accepted.")
    updated_at = shown(fields.DateTime, "Last change.")
    progress = shown(fields.Float, "With `extended`: 0 to 1.", optional=True)
    priority = shown(fields.Integer, "With `extended`: higher is sooner.", optional=True)
    result = shown(Json, "With `extended`: JSON value once complete.", optional=True)
    error = shown(fields.String, "With `extended`: why it failed.", optional=True, allow_none=True)
    origin = shown(Json, "With `extended`: who asked and why.", optional=True)


class TaskerStepSchema(AnswerSchema):
    """One step of a task."""

    name = shown(fields.String, "Unique in the task.")
    status = shown(
        fields.String,
        "Where the step stands.",
        metadata={"enum": list(dict.fromkeys(STEP_STATUS.values()))},
    )
    results = shown(Json, "What the step returned, or null.")
    attempts = shown(fields.Integer, "Started attempts.")
    started_at = shown(fields.DateTime, "When its first attempt started.", allow_none=True)
    completed_at = shown(fields.DateTime, "When it came to its end.", allow_none=True)
    id = shown(fields.String, "With `extended`: UUID of the step.", optional=True)
    depends_on_steps = shown(
        fields.List, "With `extended`: its parents.", fields.String(), optional=True
    )
    error = shown(fields.String, "With `extended`: why it failed.", optional=True, allow_none=True)
    retry_at = shown(
        fields.DateTime, "With `extended`: when it is tried again.", optional=True, allow_none=True
    )


class TaskerDependenciesSchema(AnswerSchema):
    """How the steps of a task hold each other up."""

    analysis = shown(fields.String, "One sentence.")
    blocked_steps = shown(fields.List, "Held up by a failure.", fields.String())
    ready_steps = shown(fields.List, "Running, or may run.", fields.String())
    completed_steps = shown(fields.List, "Done.", fields.String())


class TaskerTaskDetailSchema(TaskerTaskSchema):
    """A task with its steps."""

    steps = shown(fields.List, "In definition order.", fields.Nested(TaskerStepSchema))
    dependencies = fields.Nested(TaskerDependenciesSchema)
    dependency_analysis = fields.Nested(TaskerAnalysisSchema)


class TaskerPaginationSchema(AnswerSchema):
    """Which page this is."""

    current_page = shown(fields.Integer, "From 1.")
    per_page = shown(fields.Integer, "Tasks on a page.")
    total_pages = shown(fields.Integer, "Number of pages.")
    total_count = shown(fields.Integer, "Number of all matches.")


class TaskerTaskPageSchema(AnswerSchema):
    """A page of the list of tasks."""

    tasks = shown(fields.List, "Newest first.", fields.Nested(TaskerTaskSchema))
    pagination = fields.Nested(TaskerPaginationSchema, required=True)


def show_task(run: RunView, *, extended: bool = False) -> dict[str, Any]:
    """Return a run as a task of a list."""
    task: dict[str, Any] = {
        "id": run.id,
        "name": run.name,
        "namespace": run.namespace,
        "version": run.version,
        "full_name": run.full_name,
        "status": TASK_STATUS[run.state],
        "context": run.input,
        "created_at": to_seconds(run.created_at),
        "updated_at": to_seconds(run.updated_at),
    }
    if extended:
        task |= {
            "progress": run.progress,
            "priority": run.priority,
            "result": run.result,
            "error": None if run.error is None else run.error.message,
            "origin": dict(run.origin),
        }
    return task


def show_task_detail(
    run: RunView, steps: Sequence[StepView], *, dependencies: bool, extended: bool
) -> dict[str, Any]:
    """Return a run as a task with its steps."""
    task = show_task(run, extended=extended)
    task["steps"] = [show_step(step, extended=extended) for step in steps]
    if dependencies:
        task["dependencies"] = show_dependencies(run, steps)
        if extended:
            task["dependency_analysis"] = analyse_dependencies(run, steps, datetime.now(UTC))
    # The seed shows the times last.
    for key in ("created_at", "updated_at"):
        task[key] = task.pop(key)
    return task


def show_step(step: StepView, *, extended: bool = False) -> dict[str, Any]:
    """Return one step of a task."""
    skipped = step.state is StepState.SKIPPED
    shown_step: dict[str, Any] = {
        "name": step.name,
        "status": STEP_STATUS[step.state],
        "results": {"skipped": True} if skipped else step.result,
        "attempts": step.attempts,
        "started_at": optional_seconds(step.started_at),
        "completed_at": optional_seconds(step.completed_at),
    }
    if extended:
        shown_step |= {
            "id": step.id,
            "depends_on_steps": step.depends_on,
            "error": None if step.error is None else step.error.message,
            "retry_at": optional_seconds(step.ready_at),
        }
    return shown_step
