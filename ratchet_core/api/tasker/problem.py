"""How `/tasker` words its problems (seed 002, "Error Handling")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from marshmallow import fields

from ratchet_core import errors
from ratchet_core.api.door import refusal
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.problem import Dialect, Problem
from ratchet_core.errors import RatchetError

#: `error.type` of each class of error.
TYPES: Final[Mapping[type[RatchetError], str]] = MappingProxyType(
    {
        RatchetError: "InternalServerError",
        errors.InvalidRequest: "BadRequest",
        errors.ValidationFailed: "ValidationError",
        errors.PayloadTooLarge: "PayloadTooLarge",
        errors.DefinitionError: "ValidationError",
        errors.NotFound: "NotFound",
        errors.NamespaceNotFound: "NamespaceNotFound",
        errors.WorkflowNotFound: "HandlerNotFound",
        errors.RunNotFound: "TaskNotFound",
        errors.StepNotFound: "StepNotFound",
        errors.AnnotationNotFound: "AnnotationNotFound",
        errors.Conflict: "Conflict",
        errors.AuthenticationFailed: "AuthenticationError",
        errors.AuthorizationFailed: "AuthorizationError",
        errors.RateLimited: "RateLimitExceeded",
        errors.Unavailable: "ServiceUnavailable",
        refusal.Malformed: "BadRequest",
        refusal.MethodNotAllowed: "MethodNotAllowed",
        refusal.UnsupportedMediaType: "UnsupportedMediaType",
    }
)

#: Well-formed but invalid is 422 here (decisions.md section 4).
STATUSES: Final[Mapping[type[RatchetError], int]] = MappingProxyType(
    {errors.ValidationFailed: 422, errors.DefinitionError: 422, refusal.Malformed: 400}
)

#: Code and message of a request for a task that is not valid (seed 002, "Error Response Format").
INVALID_TASK: Final = ("INVALID_TASK_CONFIG", "Invalid task configuration")


class TaskerErrorSchema(AnswerSchema):
    """What went wrong."""

    type = shown(fields.String, "Kind of the problem, such as `HandlerNotFound`.")
    message = shown(fields.String, "What happened.")
    code = shown(fields.String, "Stable code to match on, such as `HANDLER_NOT_FOUND`.")
    details = shown(
        fields.Dict,
        "Field to the messages about it.",
        keys=fields.String(),
        values=fields.List(fields.String()),
        optional=True,
    )


class TaskerProblemSchema(AnswerSchema):
    """Why a request failed."""

    error = fields.Nested(TaskerErrorSchema, required=True)


def body(problem: Problem, _trace_id: str, _at: datetime) -> Mapping[str, Any]:
    """Return the body that tells of `problem`; exactly the seed's keys."""
    error: dict[str, Any] = {"type": problem.type, "message": problem.message}
    if problem.details:
        error["details"] = dict(problem.details)
    error["code"] = problem.code
    return {"error": error}


#: Nouns of errors, and what they are called here.
_NOUNS: Final = (
    ("Workflow '", "Handler '"),
    ("Run '", "Task '"),
    (" of run '", " of task '"),
)


def reword(error: RatchetError, problem: Problem) -> Problem:
    """Say handler and task where the error speaks of workflow and run."""
    match error:
        case errors.WorkflowNotFound():
            message = (
                f"Handler '{error.name}' not found in namespace '{error.namespace}' "
                f"version '{error.version or 'latest'}'"
            )
            return replace(problem, code="HANDLER_NOT_FOUND", message=message)
        case errors.RunNotFound():
            message = f"Task '{error.run_id}' does not exist"
            return replace(problem, code="TASK_NOT_FOUND", message=message)
        case errors.WorkflowDisabled():
            return replace(problem, code="HANDLER_DISABLED")
    message = problem.message
    for ours, theirs in _NOUNS:
        message = message.replace(ours, theirs)
    return replace(problem, message=message)


#: How `/tasker` words its problems.
DIALECT: Final = Dialect(types=TYPES, body=body, statuses=STATUSES, reword=reword)
