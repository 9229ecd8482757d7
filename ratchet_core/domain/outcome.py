"""How an attempt ended, as data: completed with a result, or failed with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

#: Longest error message that is kept, in characters; the rest is cut.
MAX_MESSAGE: Final = 4096


class FailureKind(StrEnum):
    """What sort of end a failed attempt had."""

    ERROR = "error"  #: the step handler raised
    TIMEOUT = "timeout"  #: the deadline passed
    LOST = "lost"  #: its worker died


@dataclass(frozen=True, slots=True)
class Completed:
    """The step handler returned."""

    result: str  #: JSON text of what it returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The attempt did not give a result."""

    kind: FailureKind = FailureKind.ERROR  #: sort of end
    error_type: str  #: class name as the author knows it, such as `ValidationError`
    message: str  #: what happened, at most MAX_MESSAGE characters
    code: str = "STEP_FAILED"  #: stable code for clients
    retryable: bool | None = None  #: None leaves it to the step's policy
    retry_after_s: float | None = None  #: wait that the other side asked for, in seconds
    details: Mapping[str, Any] | None = None  #: JSON object with more, without secrets


Outcome = Completed | Failed


def lost(reason: str) -> Failed:
    """Return the outcome of an attempt whose worker died."""
    return Failed(
        kind=FailureKind.LOST, error_type="WorkerLost", code="WORKER_LOST", message=reason
    )


def timed_out(timeout_s: float) -> Failed:
    """Return the outcome of an attempt that ran past its deadline; retryable by policy."""
    return Failed(
        kind=FailureKind.TIMEOUT,
        error_type="TimeoutError",
        code="TIMEOUT",
        message=f"the attempt ran longer than its {timeout_s:g} s and was stopped",
    )


def cut(message: str) -> str:
    """Shorten a message to what is kept."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
