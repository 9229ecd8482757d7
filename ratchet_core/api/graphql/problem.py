"""How GraphQL tells of problems: entries of `errors`, each with a stable `extensions.code`."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLError

from ratchet_core.api.door.call import call_id
from ratchet_core.api.door.problem import STATUSES, Dialect, Problem, describe
from ratchet_core.api.ratchet import problem as ratchet_problem
from ratchet_core.errors import InvalidRequest, RatchetError, Unavailable

_log = logging.getLogger(__name__)

#: Codes of problems that only GraphQL has.
PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_VARIABLES: Final = "BAD_USER_INPUT"
UNKNOWN_OPERATION: Final = "OPERATION_RESOLUTION_FAILURE"
TOO_DEEP: Final = "QUERY_TOO_DEEP"
TOO_COMPLEX: Final = "QUERY_TOO_COMPLEX"
TOO_MANY_ALIASES: Final = "TOO_MANY_ALIASES"
NEEDS_STREAM: Final = "SUBSCRIPTION_NEEDS_STREAM"

_SUGGESTION: Final = re.compile(r" Did you mean .*\?$", re.DOTALL)
_INTERNAL: Final = (
    "Something went wrong on our side. It is logged under the id '{}'; quote it when you report it"
)


class TooManySubscriptions(Unavailable):
    """This process serves as many subscriptions as it may."""

    code = "TOO_MANY_SUBSCRIPTIONS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This server process serves {limit} subscriptions already; try again later, or raise "
            "graphql.max_subscriptions",
            5.0,
        )


class BatchTooLarge(InvalidRequest):
    """A request holds more operations than it may."""

    code = "BATCH_TOO_LARGE"


class Refused(Exception):
    """The operation is not executed, for these reasons."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = tuple(errors)


def refused(code: str, message: str) -> Refused:
    """Return the refusal of an operation for one reason."""
    return Refused([GraphQLError(message, extensions={"code": code})])


def with_code(error: GraphQLError, code: str, *, hints: bool = True) -> GraphQLError:
    """Return an error of graphql-core with a code, without hints at the schema if not `hints`."""
    message = error.message if hints else _SUGGESTION.sub("", error.message)
    return GraphQLError(
        message, error.nodes, error.source, error.positions, extensions={"code": code}
    )


def tell(error: GraphQLError) -> dict[str, Any]:
    """Return an error as an entry of `errors`; what nobody raised on purpose is logged."""
    told: dict[str, Any] = {"message": error.message}
    if error.locations:
        told["locations"] = [location.formatted for location in error.locations]
    if error.path:
        told["path"] = error.path
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        told["extensions"] = {"code": BAD_VARIABLES, **(error.extensions or {})}
        return told
    problem = as_problem(original)
    told["message"] = problem.message
    told["extensions"] = extensions(problem)
    return told


def as_problem(error: Exception) -> Problem:
    """Word an error as `/api/v1` does; what nobody raised on purpose is logged."""
    known = error if isinstance(error, RatchetError) else RatchetError(str(error))
    problem = describe(known, ratchet_problem.DIALECT)
    if problem.status != STATUSES[RatchetError]:
        return problem
    _log.error("call %s failed: %s", call_id(), error, exc_info=error)
    return describe(RatchetError(_INTERNAL.format(call_id())), ratchet_problem.DIALECT)


def extensions(problem: Problem) -> dict[str, Any]:
    """Return what an entry of `errors` says besides its message."""
    said: dict[str, Any] = {"code": problem.code, "type": problem.type, "trace_id": call_id()}
    if problem.details:
        said["details"] = dict(problem.details)
    if problem.retry_after_s is not None:
        said["retry_after"] = problem.retry_after_s
    return said


def body(problem: Problem, trace_id: str, at: datetime) -> Mapping[str, Any]:
    """Return the body of a request that fails before GraphQL has begun."""
    return {"errors": [{"message": problem.message, "extensions": extensions(problem)}]}


#: How `/graphql` words what the door itself refuses: a body that is no JSON, a foreign origin.
DIALECT: Final = Dialect(types=ratchet_problem.TYPES, body=body, reword=ratchet_problem.reword)
