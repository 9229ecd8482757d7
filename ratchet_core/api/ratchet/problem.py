"""How `/api/v1` words its problems (decisions.md section 4)."""

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
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.problem import Dialect, Problem
from ratchet_core.api.door.reference import name_of
from ratchet_core.errors import RatchetError

#: `error.type` of each class of error.
TYPES: Final[Mapping[type[RatchetError], str]] = MappingProxyType(
    {
        RatchetError: "RuntimeError",
        errors.InvalidRequest: "ValidationError",
        errors.PayloadTooLarge: "PayloadTooLargeError",
        errors.DefinitionError: "ValidationError",
        errors.NotFound: "NotFoundError",
        errors.Conflict: "ConflictError",
        errors.AuthenticationFailed: "AuthenticationError",
        errors.AuthorizationFailed: "AuthorizationError",
        errors.RateLimited: "RateLimitError",
        errors.Unavailable: "ServiceUnavailableError",
        refusal.MethodNotAllowed: "MethodNotAllowedError",
        refusal.UnsupportedMediaType: "UnsupportedMediaTypeError",
    }
)


class ProblemErrorSchema(AnswerSchema):
    """What went wrong."""

    type = shown(fields.String, "Kind of the problem, such as `ValidationError`.")
    message = shown(fields.String, "What happened, to which id, and what to do.")
    code = shown(fields.String, "Stable code to match on, such as `TASK_NOT_FOUND`.")
    details = shown(
        fields.Dict,
        "Field (a dotted place) to the messages about it.",
        keys=fields.String(),
        values=fields.List(fields.String()),
        optional=True,
    )
    trace_id = shown(fields.String, "Id of the call, as in `X-Request-ID`.")
    timestamp = shown(fields.DateTime, "When it was said.")
    retry_after = shown(fields.Integer, "With 429: seconds to wait.", optional=True)
    retryAfter = shown(  # noqa: N815 - seed 000, "Error Handling", reads this name
        fields.Integer, "The same as `retry_after`.", optional=True
    )


class ProblemSchema(AnswerSchema):
    """Why a request failed."""

    error = fields.Nested(ProblemErrorSchema, required=True)


def body(problem: Problem, trace_id: str, at: datetime) -> Mapping[str, Any]:
    """Return the body that tells of `problem`."""
    error: dict[str, Any] = {
        "type": problem.type,
        "message": problem.message,
        "code": problem.code,
    }
    if problem.details:
        error["details"] = dict(problem.details)
    error["trace_id"] = trace_id
    error["timestamp"] = to_millis(at)
    if problem.retry_after_s is not None:
        error["retry_after"] = error["retryAfter"] = problem.retry_after_s
    return {"error": error}


#: Nouns that errors begin with, and what they are called here.
_NOUNS: Final = (("Workflow '", "Task '"), ("Run '", "Job '"))


def reword(error: RatchetError, problem: Problem) -> Problem:
    """Say task, job and execution where the error speaks of workflow, run and attempt.

    Where one job of a batch refuses all, `details` name it.
    """
    worded = _reworded(error, problem)
    if error.index is None:
        return worded
    job = f"jobs.{error.index}"
    fields_of = {f"{job}.{name}": told for name, told in worded.details.items()}
    return replace(worded, details=fields_of or {job: [worded.message]})


def _reworded(error: RatchetError, problem: Problem) -> Problem:
    match error:
        case errors.WorkflowNotFound():
            at = f"@{error.version}" if error.version else ""
            return task_problem(problem, name_of(error.namespace, error.name) + at)
        case errors.RunNotFound():
            message = f"Job '{error.run_id}' does not exist"
            return replace(problem, code="JOB_NOT_FOUND", message=message)
        case errors.AttemptNotFound():
            message = f"Execution '{error.attempt_id}' does not exist"
            return replace(problem, code="EXECUTION_NOT_FOUND", message=message)
        case errors.WorkflowDisabled():
            return replace(problem, code="TASK_DISABLED")
    message = problem.message
    for ours, theirs in _NOUNS:
        message = message.replace(ours, theirs)
    return replace(problem, message=message)


def task_problem(problem: Problem, named: str) -> Problem:
    """Return `problem` as one about a task that does not exist."""
    message = f"Task '{named[:300]}' does not exist; GET /api/v1/tasks lists those that do"
    return replace(problem, code="TASK_NOT_FOUND", message=message)


#: How `/api/v1` words its problems.
DIALECT: Final = Dialect(types=TYPES, body=body, reword=reword)
