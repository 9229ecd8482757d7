"""What a script's error means for the step: retry by the name of its JavaScript class.

decisions.md section 7, "Retry by error class".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypedDict

from ratchet_core.sdk import PermanentError, RetryableError, StepError

RETRYABLE: Final = frozenset(
    {"NetworkError", "TimeoutError", "RateLimitError", "ServiceUnavailableError"}
)
PERMANENT: Final = frozenset(
    {
        "ValidationError",
        "AuthenticationError",
        "AuthorizationError",
        "NotFoundError",
        "ConfigurationError",
        "DataError",
        "SyntaxError",
        "ReferenceError",
    }
)
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = range(500, 600)
_MAX_MESSAGE: Final = 10_000


class ErrorDescription(TypedDict, total=False):
    """What the sandbox says about an error."""

    names: list[str]  #: of its class and the classes above, the most special first
    message: str
    stack: list[str]  #: `function (file:line:column)`
    status: float | None  #: of an HttpError
    retryAfter: float | None  #: seconds
    permanent: bool  #: True if trying again cannot help, whatever the class


def step_error(described: ErrorDescription) -> StepError:
    """Return the error to raise for what a script threw."""
    names = [str(name) for name in described.get("names", ())] or ["Error"]
    message = str(described.get("message", ""))[:_MAX_MESSAGE]
    details = _details(described)
    retryable = False if described.get("permanent") else _retryable(names, described.get("status"))
    if retryable is None:
        return StepError(message, error_type=names[0], details=details)
    if not retryable:
        return PermanentError(message, error_type=names[0], details=details)
    return RetryableError(
        message,
        retry_after_s=_seconds(described.get("retryAfter")),
        error_type=names[0],
        details=details,
    )


def _retryable(names: Sequence[str], status: float | None) -> bool | None:
    """Return whether to retry; None leaves it to the step's policy."""
    for name in names:
        if name in RETRYABLE:
            return True
        if name in PERMANENT:
            return False
        if name == "HttpError":
            known = isinstance(status, (int, float))
            return True if known and _is_passing(int(status or 0)) else None
    return None


def _is_passing(status: int) -> bool:
    return status == _TOO_MANY_REQUESTS or status in _SERVER_ERRORS


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value >= 0 else None


def _details(described: ErrorDescription) -> dict[str, Any] | None:
    details: dict[str, Any] = {}
    stack = [str(line)[:500] for line in described.get("stack", ())]
    if stack:
        details["stack"] = stack
    status = described.get("status")
    if isinstance(status, (int, float)):
        details["status"] = status
    return details or None
