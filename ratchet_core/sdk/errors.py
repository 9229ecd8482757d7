"""What step code raises to say how its failure is to be treated.

Any other exception is a failure that the step's retry policy decides about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratchet_core.errors import RatchetError


class StepError(RatchetError):
    """A failure with a meaning.

    Args:
        message: what happened; shown to clients, so without secrets.
        code: stable code for clients.
        error_type: name of the kind of error as the author knows it; the class name by default.
        details: JSON object with more, without secrets.
    """

    code = "STEP_FAILED"
    #: None leaves retrying to the step's policy.
    retryable: bool | None = None
    #: Seconds that the other side asked to wait.
    retry_after_s: float | None = None

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        error_type: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.error_type = error_type or type(self).__name__
        self.details = details


class RetryableError(StepError):
    """Try again later, as far as the step's policy allows.

    Args:
        message: what happened.
        retry_after_s: seconds to wait, such as a server's `Retry-After`; None uses the back-off.
        code: stable code for clients.
        error_type: name of the kind of error; the class name by default.
        details: JSON object with more.
    """

    retryable = True

    def __init__(
        self,
        message: str = "",
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        error_type: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, error_type=error_type, details=details)
        self.retry_after_s = retry_after_s


class PermanentError(StepError):
    """Do not try again: the input, or the world, has to change first."""

    retryable = False


class AttemptCancelled(StepError):
    """The run was cancelled while the step ran; let it pass through."""

    code = "CANCELLED"
    retryable = False


class AttemptTimedOut(StepError):
    """The attempt's deadline passed; raised by handlers that watch the deadline themselves."""

    code = "TIMEOUT"
