"""What can go wrong with a call, in one tree.

ClientError
├── ConnectionFailed     nothing, or nothing whole, came back
│   └── CallTimedOut     within the time-out
├── UnexpectedAnswer     something that is not Ratchet answered
├── JobNotFinished       `wait` gave up; the job goes on
└── ApiError             Ratchet refused the call and said why
    ├── InvalidCall           400, 413, 414, 415, 422
    ├── AuthenticationFailed  401
    ├── PermissionDenied      403
    ├── NotFound              404
    ├── Conflict              409
    ├── RateLimited           429
    └── ServerFailed          500 and more
        └── Unavailable       503
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final


class ClientError(Exception):
    """Root of everything that this package raises on purpose."""


class ConnectionFailed(ClientError):
    """The server could not be reached, or the connection broke.

    Unless the call was repeatable it is unknown whether the server did what was asked.
    """


class CallTimedOut(ConnectionFailed):
    """The server did not answer within the time-out."""


class UnexpectedAnswer(ClientError):
    """The answer is not JSON, or not of the form that Ratchet gives: is this its address?"""


class JobNotFinished(ClientError):
    """A job had not come to its end when the caller stopped waiting; it goes on.

    Args:
        job_id: of the job.
        waited_s: how long was waited, in seconds.
    """

    def __init__(self, job_id: str, waited_s: float) -> None:
        super().__init__(job_id, waited_s)
        self.job_id, self.waited_s = job_id, waited_s

    def __str__(self) -> str:
        return f"job {self.job_id} has not finished within {self.waited_s:g} s; it goes on"


class ApiError(ClientError):
    """Ratchet refused a call.

    Args:
        status: HTTP status.
        problem: the `error` object of the answer.
        retry_after_s: seconds that the server asks to wait, or None.
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], retry_after_s: float | None = None
    ) -> None:
        super().__init__(status, problem, retry_after_s)
        self.status = status
        self.type = str(problem.get("type", "Unknown"))  #: kind of problem, in the dialect's words
        self.code = str(problem.get("code", "UNKNOWN"))  #: stable; match on this
        self.message = str(problem.get("message", ""))  #: what happened and what to do
        self.details: Mapping[str, list[str]] = problem.get("details") or {}  #: field to messages
        self.trace_id: str | None = problem.get("trace_id")  #: quote it in reports
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


class InvalidCall(ApiError):
    """The call is malformed, too large, or against a schema; `details` names the fields."""


class AuthenticationFailed(ApiError):
    """Credentials are missing, expired or wrong."""


class PermissionDenied(ApiError):
    """The caller may not do this."""


class NotFound(ApiError):
    """There is no such thing."""


class Conflict(ApiError):
    """The state of the thing, or the idempotency key, does not allow this."""


class RateLimited(ApiError):
    """Too many calls, also after waiting as long as the server asked and the policy allows."""


class ServerFailed(ApiError):
    """Something went wrong at the server; it is logged there under `trace_id`."""


class Unavailable(ServerFailed):
    """A part that the server needs does not answer now."""


_KINDS: Final[Mapping[int, type[ApiError]]] = {
    400: InvalidCall,
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    413: InvalidCall,
    414: InvalidCall,
    415: InvalidCall,
    422: InvalidCall,
    429: RateLimited,
    503: Unavailable,
}
_FIRST_SERVER_STATUS: Final = 500


def api_error(status: int, problem: Mapping[str, Any], retry_after_s: float | None) -> ApiError:
    """Return the error that a status means."""
    other = ServerFailed if status >= _FIRST_SERVER_STATUS else ApiError
    return _KINDS.get(status, other)(status, problem, retry_after_s)
