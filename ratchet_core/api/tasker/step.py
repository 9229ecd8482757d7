"""Workflow steps of `/tasker`: how one is shown on its own, and why it does not run. Extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields

from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import optional_seconds
from ratchet_core.api.tasker.task import TaskerStepSchema, show_step
from ratchet_core.domain.graph import children_of
from ratchet_core.domain.states import STEP_SATISFIED, STEP_TERMINAL, StepState
from ratchet_core.domain.views import StepView

_RUNNABLE = frozenset({StepState.READY, StepState.CLAIMED})


class TaskerWorkflowStepSchema(TaskerStepSchema):
    """A step of a task, with all that is known of it."""

    task_id = shown(fields.String, "UUID of the task.")
    workflow_step_id = shown(fields.String, "UUID of the step.")
    handler_class = shown(fields.String, "As the author wrote it.")
    inputs = shown(Json, "What it gets in place of the context, or null.")
    retryable = shown(fields.Boolean, "A failed attempt may be tried again.")
    retry_limit = shown(fields.Integer, "Highest number of attempts; 0 means one.")
    skippable = shown(fields.Boolean, "May be bypassed.")
    processed = shown(fields.Boolean, "What waits for it may go on.")
    in_process = shown(fields.Boolean, "An attempt is under way.")
    parents = shown(fields.List, "Names of the steps it waits for.", fields.String())
    children = shown(fields.List, "Names of the steps that wait for it.", fields.String())
    dependencies_satisfied = shown(fields.Boolean, "It waits for no other step.")
    retry_eligible = shown(fields.Boolean, "It has attempts left.")
    ready_for_execution = shown(fields.Boolean, "A worker may take it now.")
    blocking_reason = shown(
        fields.String,
        "Why it does not run: `dependencies_not_satisfied`, `waiting_for_backoff`, "
        "`retry_not_eligible`, `cancelled`, `paused`; null where it runs, may run or is done.",
        allow_none=True,
    )
    next_retry_at = shown(fields.DateTime, "When it is tried again.", allow_none=True)


class TaskerWorkflowStepsSchema(AnswerSchema):
    """The steps of a task."""

    steps = shown(fields.List, "In definition order.", fields.Nested(TaskerWorkflowStepSchema))


def show_workflow_steps(steps: Sequence[StepView]) -> list[dict[str, Any]]:
    """Return all steps of a task."""
    states = {step.name: step.state for step in steps}
    children = children_of({step.name: step.depends_on for step in steps})
    return [_show(step, states, children[step.name]) for step in steps]


def show_workflow_step(step: StepView, steps: Sequence[StepView]) -> dict[str, Any]:
    """Return one step among all steps of its task."""
    states = {other.name: other.state for other in steps}
    children = [other.name for other in steps if step.name in other.depends_on]
    return _show(step, states, children)


def _show(
    step: StepView, states: Mapping[str, StepState], children: Sequence[str]
) -> dict[str, Any]:
    satisfied = all(states[parent] in STEP_SATISFIED for parent in step.depends_on)
    return {
        "task_id": step.run_id,
        "workflow_step_id": step.id,
        **show_step(step),
        "handler_class": step.handler,
        "inputs": step.input,
        "retryable": step.retryable,
        "retry_limit": step.retry_limit,
        "skippable": step.skippable,
        "processed": step.state in STEP_SATISFIED,
        "in_process": step.state is StepState.RUNNING,
        "parents": step.depends_on,
        "children": children,
        "dependencies_satisfied": satisfied,
        "retry_eligible": _may_be_tried(step),
        "ready_for_execution": step.state in _RUNNABLE,
        "blocking_reason": _blocking_reason(step, satisfied=satisfied),
        "next_retry_at": optional_seconds(step.ready_at),
        "error": None if step.error is None else step.error.message,
    }


def _may_be_tried(step: StepView) -> bool:
    if step.state in STEP_TERMINAL:
        return False
    return step.failures == 0 or (step.retryable and step.failures < step.attempt_limit)


def _blocking_reason(step: StepView, *, satisfied: bool) -> str | None:
    match step.state:
        case StepState.PENDING if not satisfied:
            return "dependencies_not_satisfied"
        case StepState.BACKOFF:
            return "waiting_for_backoff"
        case StepState.FAILED:
            return "retry_not_eligible"
        case StepState.CANCELLED:
            return "cancelled"
        case StepState.PAUSED:
            return "paused"
    return None
