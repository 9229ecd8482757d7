"""What is done to a task of `/tasker`: update, cancel, retry, resolve, reset. Extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.tasker.body import read_body
from ratchet_core.api.tasker.request import (
    REASON,
    RETRY_TASK,
    UPDATE_TASK,
    ReasonBody,
    RetryTaskBody,
    UpdateTaskBody,
)
from ratchet_core.api.tasker.task import TaskerTaskSchema, show_task
from ratchet_core.domain.views import RunView
from ratchet_core.errors import RunNotFound, ValidationFailed

_ANSWERS = {200: TaskerTaskSchema}


def declare_task_verbs(blueprint: DoorBlueprint) -> None:
    """Declare the operations; each answers with the task as it is then, with more keys."""
    _declare_update(blueprint)
    _declare_cancel_and_retry(blueprint)
    _declare_by_hand(blueprint)


def read_task_id(text: str) -> str:
    """Return the id of a task.

    Raises:
        RunNotFound: no task can have that id.
    """
    run_id = read_id(text)
    if run_id is None:
        raise RunNotFound(text[:100])
    return run_id


def permitted_task(text: str) -> str:
    """Return the id of a task with which the caller may do what the operation does.

    Raises:
        RunNotFound: no such task, or none that the caller may know of.
        AuthorizationFailed: the caller may see it and do no more.
    """
    run_id = read_task_id(text)
    permit(reads().run(run_id).namespace)
    return run_id


def _answer(run: RunView) -> Response:
    return answer.json(show_task(run, extended=True))


def _declare_update(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "PATCH",
        "/tasks/<id>",
        "updateTaskerTask",
        permission="workflow:run",
        spelled="tasker.task:update",
        body=UpdateTaskBody,
        answers=_ANSWERS,
        problems=(404, 422),
    )
    def update_task(body: Mapping[str, Any], id: str) -> Response:  # noqa: A002 - seed's name
        """Change reason or tags of a task, in whatever state it is."""
        run_id = permitted_task(id)
        changes = read_body(body, UPDATE_TASK)
        if not changes:
            legal = " or ".join(UPDATE_TASK)
            raise ValidationFailed(f"Nothing is to change: give {legal}")
        return _answer(ratchet().engine.operator.update(run_id, changes, principal()))


def _declare_cancel_and_retry(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "DELETE",
        "/tasks/<id>",
        "cancelTaskerTask",
        permission="run:cancel",
        spelled="tasker.task:cancel",
        answers=_ANSWERS,
        problems=(404, 409),
    )
    def cancel_task(id: str) -> Response:  # noqa: A002 - seed's name
        """Cancel a task and all of its steps; repeating it is harmless."""
        return _answer(ratchet().engine.cancel(permitted_task(id), principal()))

    @blueprint.operation(
        "POST",
        "/tasks/<id>/retry",
        "retryTaskerTask",
        permission="run:retry",
        spelled="tasker.task:retry",
        body=RetryTaskBody,
        body_required=False,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def retry_task(body: Mapping[str, Any], id: str) -> Response:  # noqa: A002 - seed's name
        """Let a task in error, or a cancelled one, go on; what is complete is kept."""
        run_id = permitted_task(id)
        from_step = read_body(body, RETRY_TASK).get("from_step")
        return _answer(ratchet().engine.retry(run_id, principal(), from_step))


def _declare_by_hand(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/tasks/<id>/resolve",
        "resolveTaskerTask",
        permission="run:resolve",
        spelled="tasker.task:resolve",
        body=ReasonBody,
        body_required=False,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def resolve_task(body: Mapping[str, Any], id: str) -> Response:  # noqa: A002 - seed's name
        """Settle a task in error, or a cancelled one: it was taken care of by hand."""
        run_id = permitted_task(id)
        reason = read_body(body, REASON).get("reason")
        return _answer(ratchet().engine.operator.resolve(run_id, principal(), reason))

    @blueprint.operation(
        "POST",
        "/tasks/<id>/reset",
        "resetTaskerTask",
        permission="run:retry",
        spelled="tasker.task:reset",
        body=ReasonBody,
        body_required=False,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    def reset_task(body: Mapping[str, Any], id: str) -> Response:  # noqa: A002 - seed's name
        """Set a task in error, or a cancelled one, back to its start: every step runs again."""
        run_id = permitted_task(id)
        reason = read_body(body, REASON).get("reason")
        return _answer(ratchet().engine.operator.reset(run_id, principal(), reason))
