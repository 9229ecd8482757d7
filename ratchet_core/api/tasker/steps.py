"""Steps of a task in `/tasker`: listing, editing and settling them. Extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.tasker.body import read_body
from ratchet_core.api.tasker.request import (
    COMPLETE_STEP,
    EDIT_STEP,
    REASON,
    CompleteStepBody,
    EditStepBody,
    ReasonBody,
)
from ratchet_core.api.tasker.step import (
    TaskerWorkflowStepSchema,
    TaskerWorkflowStepsSchema,
    show_workflow_step,
    show_workflow_steps,
)
from ratchet_core.api.tasker.task_verbs import permitted_task, read_task_id
from ratchet_core.domain.step_change import StepChange
from ratchet_core.errors import StepNotFound, ValidationFailed

_ALL: Final = "/tasks/<task_id>/workflow_steps"
_ONE: Final = f"{_ALL}/<step>"
_ANSWERS: Final = {200: TaskerWorkflowStepSchema}
#: Fields of a body to the fields of a step's definition.
_FIELDS: Final = {
    "retry_limit": "retry_limit",
    "retryable": "retryable",
    "configuration": "config",
}


def declare_steps(blueprint: DoorBlueprint) -> None:
    """Declare the operations; a step is named by its name or its UUID."""
    _declare_reads(blueprint)
    _declare_edit(blueprint)
    _declare_cancel_and_retry(blueprint)
    _declare_by_hand(blueprint)


def _show(run_id: str, step: str) -> Response:
    steps = reads().steps(run_id)
    for view in steps:
        if step in (view.name, view.id):
            return answer.json(show_workflow_step(view, steps))
    raise StepNotFound(run_id, step[:100])


def _declare_reads(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        _ALL,
        "getStepsByTask",
        permission="step:read",
        spelled="tasker.workflow_step:index",
        answers={200: TaskerWorkflowStepsSchema},
        problems=(404,),
    )
    def list_steps(task_id: str) -> Response:
        """List the steps of a task in definition order."""
        return answer.json({"steps": show_workflow_steps(reads().steps(read_task_id(task_id)))})

    @blueprint.operation(
        "GET",
        _ONE,
        "getStepByTask",
        permission="step:read",
        spelled="tasker.workflow_step:show",
        answers=_ANSWERS,
        problems=(404,),
    )
    def get_step(task_id: str, step: str) -> Response:
        """Show a step of a task, and why it does not run."""
        return _show(read_task_id(task_id), step)


def _declare_edit(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "PATCH",
        _ONE,
        "updateStepByTask",
        permission="step:update",
        spelled="tasker.workflow_step:update",
        body=EditStepBody,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def edit_step(body: Mapping[str, Any], task_id: str, step: str) -> Response:
        """Change retry rules, inputs or configuration of a step that does not run."""
        run_id = permitted_task(task_id)
        given = read_body(body, EDIT_STEP)
        if not given:
            raise ValidationFailed(f"Nothing is to change: give {', '.join(EDIT_STEP)}")
        change = StepChange(
            fields={field: given[key] for key, field in _FIELDS.items() if key in given},
            sets_input="inputs" in given,
            input=given.get("inputs"),
        )
        ratchet().engine.operator.edit_step(run_id, step, change, principal())
        return _show(run_id, step)


def _declare_cancel_and_retry(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "DELETE",
        _ONE,
        "cancelStepByTask",
        permission="run:cancel",
        spelled="tasker.workflow_step:cancel",
        answers=_ANSWERS,
        problems=(404, 409),
    )
    def cancel_step(task_id: str, step: str) -> Response:
        """Cancel a step; its task ends in error when nothing else of it can run."""
        run_id = permitted_task(task_id)
        ratchet().engine.operator.cancel_step(run_id, step, principal())
        return _show(run_id, step)

    @blueprint.operation(
        "POST",
        f"{_ONE}/retry",
        "retryStepByTask",
        permission="step:retry",
        spelled="tasker.workflow_step:retry",
        body=ReasonBody,
        body_required=False,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def retry_step(body: Mapping[str, Any], task_id: str, step: str) -> Response:
        """Run a step in error, a cancelled one or one in back-off again, now."""
        run_id = permitted_task(task_id)
        reason = read_body(body, REASON).get("reason")
        ratchet().engine.operator.retry_step(run_id, step, principal(), reason)
        return _show(run_id, step)


def _declare_by_hand(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        f"{_ONE}/resolve",
        "resolveStepByTask",
        permission="step:resolve",
        spelled="tasker.workflow_step:resolve",
        body=ReasonBody,
        body_required=False,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def resolve_step(body: Mapping[str, Any], task_id: str, step: str) -> Response:
        """Settle a step that does not run, without results; what waits for it goes on."""
        run_id = permitted_task(task_id)
        reason = read_body(body, REASON).get("reason")
        ratchet().engine.operator.resolve_step(run_id, step, principal(), reason)
        return _show(run_id, step)

    @blueprint.operation(
        "POST",
        f"{_ONE}/complete",
        "completeStepByTask",
        permission="step:complete",
        spelled="tasker.workflow_step:complete",
        body=CompleteStepBody,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def complete_step(body: Mapping[str, Any], task_id: str, step: str) -> Response:
        """Complete a step with results from elsewhere; what waits for it gets them."""
        run_id = permitted_task(task_id)
        given = read_body(body, COMPLETE_STEP, "results")
        ratchet().engine.operator.complete_step(
            run_id, step, given["results"], principal(), given.get("reason")
        )
        return _show(run_id, step)
