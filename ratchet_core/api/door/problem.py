"""Problems: what a client is told when a request fails, and with which status.

The statuses of decisions.md section 4 are here and nowhere else. How a dialect words a problem and
what its body looks like is the dialect's; each hands a `Dialect` in.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from ratchet_core import errors
from ratchet_core.api.door import answer, refusal
from ratchet_core.api.door.call import call_id
from ratchet_core.errors import RatchetError

_log = logging.getLogger(__name__)

#: Status of each class of error; a subclass without a line has that of its parent.
STATUSES: Final[Mapping[type[RatchetError], int]] = {
    RatchetError: 500,
    errors.InvalidRequest: 400,
    errors.ValidationFailed: 400,
    errors.PayloadTooLarge: 413,
    errors.DefinitionError: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.AuthenticationFailed: 401,
    errors.AuthorizationFailed: 403,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    refusal.MethodNotAllowed: 405,
    refusal.UnsupportedMediaType: 415,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One failed request, as told to a client."""

    status: int  #: of the answer
    type: str  #: name of the kind of problem, in the dialect's words
    code: str  #: what clients match on
    message: str  #: what happened, to which id, and what to do
    details: Mapping[str, Any] = field(default_factory=dict)  #: field to messages about it
    retry_after_s: int | None = None  #: whole seconds, at least 1; with 429 and 503
    allowed: tuple[str, ...] = ()  #: methods, with 405


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one door words its problems."""

    types: Mapping[type[RatchetError], str]  #: `error.type` of each class, subclasses included
    body: Callable[[Problem, str, datetime], Mapping[str, Any]]  #: of problem, call id and time
    statuses: Mapping[type[RatchetError], int] = field(default_factory=dict)  #: where it differs
    reword: Callable[[RatchetError, Problem], Problem] = lambda _, problem: problem  #: its nouns


def describe(error: RatchetError, dialect: Dialect) -> Problem:
    """Word `error` in `dialect`."""
    problem = Problem(
        status=_nearest(error, {**STATUSES, **dialect.statuses}),
        type=_nearest(error, dialect.types),
        code=error.code,
        message=error.message,
        details=error.details if isinstance(error, errors.ValidationFailed) else {},
        retry_after_s=_whole_seconds(error),
        allowed=error.allowed if isinstance(error, refusal.MethodNotAllowed) else (),
    )
    return dialect.reword(error, problem)


def status_of(error: Exception) -> int:
    """Return the status that an error has where no dialect says otherwise."""
    return int(_nearest(_as_known(error), STATUSES))


def answer_problem(error: Exception, dialect: Dialect) -> Response:
    """Return the answer to a request that ended in `error`.

    What nobody raised on purpose is logged under the call's id and told as an internal error
    without any detail.
    """
    known = _as_known(error)
    problem = describe(known, dialect)
    if problem.status == STATUSES[RatchetError]:
        _log.error("call %s failed: %s", call_id(), error, exc_info=error)
        problem = replace(problem, message=_INTERNAL.format(call_id()), details={})
    body = dialect.body(problem, call_id(), datetime.now(UTC))
    response = answer.json(body, problem.status)
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == STATUSES[errors.AuthenticationFailed]:
        response.headers["WWW-Authenticate"] = 'Bearer realm="ratchet"'
    if problem.allowed:
        response.headers["Allow"] = ", ".join(problem.allowed)
    return response


_INTERNAL: Final = (
    "Something went wrong on our side. It is logged under the id '{}'; quote it when you report it"
)


def _as_known(error: Exception) -> RatchetError:
    if isinstance(error, RatchetError):
        return error
    if isinstance(error, RequestEntityTooLarge):
        return errors.PayloadTooLarge("The body is larger than this application accepts")
    if isinstance(error, HTTPException) and (error.code or 500) in _OF_HTTP:
        return _OF_HTTP[error.code or 500](error.description or error.name)
    return RatchetError(str(error))


_OF_HTTP: Final[Mapping[int, type[RatchetError]]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationFailed,
    403: errors.AuthorizationFailed,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.PayloadTooLarge,
    415: refusal.UnsupportedMediaType,
}


def _nearest(error: RatchetError, table: Mapping[type[RatchetError], Any]) -> Any:
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def _whole_seconds(error: RatchetError) -> int | None:
    if isinstance(error, errors.RateLimited | errors.Unavailable):
        return max(1, math.ceil(error.retry_after_s))
    return None
