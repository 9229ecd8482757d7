"""Jobs and executions of `/api/v1`: how runs, steps, attempts and events are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from marshmallow import fields

from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import millis_between, optional_millis, to_millis
from ratchet_core.api.door.reference import name_of
from ratchet_core.api.ratchet.log import LogLineSchema, show_line
from ratchet_core.api.ratchet.state import EXECUTION_STATUS, JOB_STATUS
from ratchet_core.domain.log import LogView
from ratchet_core.domain.views import AttemptView, ErrorView, EventView, RunView, StepView


class ErrorDetailsSchema(AnswerSchema):
    """More about a failure."""

    type = shown(fields.String, "Class of the error as the author knows it.")
    code = shown(fields.String, "Stable code.")
    step = shown(fields.String, "Name of the step that failed, or null.", allow_none=True)
    attempt = shown(fields.Integer, "Number of the attempt, from 1, or null.", allow_none=True)
    details = shown(Json, "More, as far as there is more.", optional=True)


class JobSchema(AnswerSchema):
    """One execution of a task."""

    id = shown(fields.String, "UUID of the job.")
    task_id = shown(fields.String, "`id` of the task.")
    task_name = shown(fields.String, "Name of the task in its namespace.")
    namespace = shown(fields.String, "Of the task.")
    version = shown(fields.String, "Of the task, when the job was made.")
    status = shown(
        fields.String,
        "Where the job stands.",
        metadata={"enum": list(dict.fromkeys(JOB_STATUS.values()))},
    )
    progress = shown(fields.Float, "0 to 1.")
    input = shown(Json, "As submitted.")
    result = shown(Json, "JSON value once completed, else null.")
    error = shown(fields.String, "Why it failed, or null.", allow_none=True)
    error_details = fields.Nested(ErrorDetailsSchema, required=True, allow_none=True)
    priority = shown(fields.Integer, "Higher is sooner.")
    retry_count = shown(fields.Integer, "Attempts that were tried again.")
    created_at = shown(fields.DateTime, "When the job was accepted.")
    updated_at = shown(fields.DateTime, "Last change.")
    queued_at = shown(fields.DateTime, "When it could be started.")
    started_at = shown(fields.DateTime, "When its first step started, or null.", allow_none=True)
    completed_at = shown(fields.DateTime, "When it came to its end, or null.", allow_none=True)
    duration_ms = shown(fields.Float, "From start to end, or null.", allow_none=True)
    waiting_for = shown(fields.String, "What is awaited, or null.", allow_none=True)
    resolved_by = shown(fields.String, "Which operator settled it, or null.", allow_none=True)
    schedule_id = shown(fields.String, "Schedule that made it, or null.", allow_none=True)
    scheduled_for = shown(fields.DateTime, "Time it was made for, or null.", allow_none=True)
    deadline = shown(fields.DateTime, "It fails if not ended by then; or null.", allow_none=True)
    rerun_of = shown(fields.String, "Job that it does again, or null.", allow_none=True)
    step_count = shown(fields.Integer, "Number of steps.")
    metadata = shown(Json, "Who asked and why, as submitted.")


class JobStepSchema(AnswerSchema):
    """One step of a job."""

    id = shown(fields.String, "UUID of the step.")
    name = shown(fields.String, "Unique in the job.")
    status = shown(fields.String, "Where the step stands.")
    handler = shown(fields.String, "Step handler, as the author wrote it.")
    depends_on = shown(fields.List, "Names of its parents.", fields.String())
    attempts = shown(fields.Integer, "Started attempts.")
    attempt_limit = shown(fields.Integer, "Highest number of attempts.")
    result = shown(Json, "JSON value once completed, else null.")
    error = shown(fields.String, "Why its last attempt failed, or null.", allow_none=True)
    error_details = fields.Nested(ErrorDetailsSchema, required=True, allow_none=True)
    retry_at = shown(fields.DateTime, "When it is tried again, or null.", allow_none=True)
    started_at = shown(fields.DateTime, "When its first attempt started.", allow_none=True)
    completed_at = shown(fields.DateTime, "When it came to its end.", allow_none=True)
    duration_ms = shown(fields.Float, "From start to end, or null.", allow_none=True)


class JobDetailSchema(JobSchema):
    """A job with its steps."""

    max_retries = shown(fields.Integer, "Retries that the most patient of its steps has.")
    steps = shown(fields.List, "In definition order.", fields.Nested(JobStepSchema))


class JobAnswerSchema(AnswerSchema):
    """The job that was made or changed."""

    job = fields.Nested(JobSchema, required=True)


class JobPageSchema(AnswerSchema):
    """A part of the list of jobs."""

    items = shown(fields.List, "In the list's order.", fields.Nested(JobSchema))
    total = shown(fields.Integer, "Number of all matches.")
    next_cursor = shown(fields.String, "Place of the next part, or null.", allow_none=True)


class JobStepsSchema(AnswerSchema):
    """All steps of a job."""

    items = shown(fields.List, "In definition order.", fields.Nested(JobStepSchema))
    total = shown(fields.Integer, "Number of steps.")


class EventSchema(AnswerSchema):
    """One entry of a job's journal."""

    sequence = shown(fields.Integer, "Grows with every entry.")
    name = shown(fields.String, "Such as `step.completed`.")
    job_id = shown(fields.String, "Of the job.")
    step = shown(fields.String, "Name of the step, or null.", allow_none=True)
    timestamp = shown(fields.DateTime, "When it was written.")
    data = shown(Json, "What belongs to the event.")


class EventsSchema(AnswerSchema):
    """A part of a job's journal."""

    items = shown(fields.List, "Oldest first.", fields.Nested(EventSchema))
    next_after = shown(fields.Integer, "`after` of the next part.")


class ExecutionSchema(AnswerSchema):
    """One try at one step of a job."""

    id = shown(fields.String, "UUID of the execution.")
    job_id = shown(fields.String, "Of its job.")
    task_id = shown(fields.String, "`id` of the task.")
    task_name = shown(fields.String, "Name of the task in its namespace.")
    namespace = shown(fields.String, "Of the task.")
    version = shown(fields.String, "Of the task, when the job was made.")
    step = shown(fields.String, "Name of the step.")
    attempt = shown(fields.Integer, "Number of the try, from 1.")
    status = shown(
        fields.String,
        "Where the execution stands.",
        metadata={"enum": list(EXECUTION_STATUS.values())},
    )
    output = shown(Json, "JSON value once completed, else null.")
    error = shown(fields.String, "Why it failed, or null.", allow_none=True)
    error_details = fields.Nested(ErrorDetailsSchema, required=True, allow_none=True)
    created_at = shown(fields.DateTime, "When it started.")
    started_at = shown(fields.DateTime, "When it started.")
    completed_at = shown(fields.DateTime, "When it ended, or null.", allow_none=True)
    duration_ms = shown(fields.Float, "Of the step's code, or null.", allow_none=True)
    worker = shown(fields.String, "Host and process that ran it.", allow_none=True)


class ExecutionDetailSchema(ExecutionSchema):
    """An execution with what it wrote."""

    logs = shown(fields.List, "Its first lines, oldest first.", fields.Nested(LogLineSchema))


class ExecutionPageSchema(AnswerSchema):
    """A part of the list of executions."""

    items = shown(fields.List, "In the list's order.", fields.Nested(ExecutionSchema))
    total = shown(fields.Integer, "Number of all matches.")
    next_cursor = shown(fields.String, "Place of the next part, or null.", allow_none=True)


def show_job(run: RunView) -> dict[str, Any]:
    """Return a run as a job."""
    created_at = to_millis(run.created_at)
    return {
        "id": run.id,
        "task_id": name_of(run.namespace, run.name),
        "task_name": run.name,
        "namespace": run.namespace,
        "version": run.version,
        "status": JOB_STATUS[run.state],
        "progress": run.progress,
        "input": run.input,
        "result": run.result,
        "error": None if run.error is None else run.error.message,
        "error_details": show_error(run.error),
        "priority": run.priority,
        "retry_count": run.retries,
        "created_at": created_at,
        "updated_at": to_millis(run.updated_at),
        "queued_at": created_at,
        "started_at": optional_millis(run.started_at),
        "completed_at": optional_millis(run.completed_at),
        "duration_ms": millis_between(run.started_at, run.completed_at),
        "waiting_for": run.waiting_for,
        "resolved_by": run.resolved_by,
        "schedule_id": run.schedule_id,
        "scheduled_for": optional_millis(run.scheduled_for),
        "deadline": optional_millis(run.deadline),
        "rerun_of": run.rerun_of,
        "step_count": run.steps_total,
        "metadata": dict(run.origin),
    }


def show_job_detail(run: RunView, steps: Sequence[StepView]) -> dict[str, Any]:
    """Return a run as a job with its steps."""
    return {
        **show_job(run),
        "max_retries": max_retries(steps),
        "steps": [show_step(step) for step in steps],
    }


def max_retries(steps: Sequence[StepView]) -> int:
    """Return how often a step of a job is tried again at most."""
    return max((step.attempt_limit for step in steps), default=1) - 1


def show_step(step: StepView) -> dict[str, Any]:
    """Return a step of a run."""
    return {
        "id": step.id,
        "name": step.name,
        "status": step.state.value,
        "handler": step.handler,
        "depends_on": step.depends_on,
        "attempts": step.attempts,
        "attempt_limit": step.attempt_limit,
        "result": step.result,
        "error": None if step.error is None else step.error.message,
        "error_details": show_error(step.error),
        "retry_at": optional_millis(step.ready_at),
        "started_at": optional_millis(step.started_at),
        "completed_at": optional_millis(step.completed_at),
        "duration_ms": millis_between(step.started_at, step.completed_at),
    }


#: Field of an execution to what gives it: whoever wants only some asks for no others.
EXECUTION_FIELDS: Final[dict[str, Callable[[AttemptView], Any]]] = {
    "id": lambda attempt: attempt.id,
    "job_id": lambda attempt: attempt.run_id,
    "task_id": lambda attempt: name_of(attempt.namespace, attempt.workflow),
    "task_name": lambda attempt: attempt.workflow,
    "namespace": lambda attempt: attempt.namespace,
    "version": lambda attempt: attempt.version,
    "step": lambda attempt: attempt.step,
    "attempt": lambda attempt: attempt.number,
    "status": lambda attempt: EXECUTION_STATUS[attempt.state],
    "output": lambda attempt: attempt.result,
    "error": lambda attempt: None if attempt.error is None else attempt.error.message,
    "error_details": lambda attempt: show_error(attempt.error),
    "created_at": lambda attempt: to_millis(attempt.created_at),
    "started_at": lambda attempt: to_millis(attempt.started_at),
    "completed_at": lambda attempt: optional_millis(attempt.completed_at),
    "duration_ms": lambda attempt: attempt.duration_ms,
    "worker": lambda attempt: attempt.worker,
}


def show_execution(attempt: AttemptView) -> dict[str, Any]:
    """Return an attempt as an execution."""
    return {name: give(attempt) for name, give in EXECUTION_FIELDS.items()}


def show_execution_detail(attempt: AttemptView, lines: Sequence[LogView]) -> dict[str, Any]:
    """Return an attempt as an execution with what it has logged."""
    return {**show_execution(attempt), "logs": [show_line(line) for line in lines]}


def show_event(event: EventView) -> dict[str, Any]:
    """Return one entry of a run's journal."""
    return {
        "sequence": event.sequence,
        "name": event.name,
        "job_id": event.run_id,
        "step": event.step,
        "timestamp": to_millis(event.at),
        "data": dict(event.data),
    }


def show_error(error: ErrorView | None) -> Mapping[str, Any] | None:
    """Return what is known of a failure besides its message; None where nothing failed."""
    if error is None:
        return None
    shown_error: dict[str, Any] = {
        "type": error.type,
        "code": error.code,
        "step": error.step,
        "attempt": error.attempt,
    }
    if error.details:
        shown_error["details"] = dict(error.details)
    return shown_error
