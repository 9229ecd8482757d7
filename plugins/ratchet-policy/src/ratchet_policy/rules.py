"""The rules, read once from the settings; asking them touches nothing but memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from ratchet_core.sdk import (
    AttemptInfo,
    Failed,
    Refused,
    RetryableError,
    RetryDecision,
    Submission,
)

_PATTERNS: Final = {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []}
#: JSON Schema of the plugin's settings.
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "closed": _PATTERNS,
        "max_input_bytes": {"type": ["integer", "null"], "minimum": 1, "default": None},
        "queues": {
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
            "default": {},
        },
        "starts_per_second": {
            "type": "object",
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
            "default": {},
        },
        "never_retry": _PATTERNS,
        "always_retry": {
            "type": "object",
            "additionalProperties": {"type": "number", "minimum": 0},
            "default": {},
        },
    },
}


class Rules:
    """What the settings say.

    Args:
        settings: that match `SCHEMA`.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self, settings: Mapping[str, Any], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._closed = tuple(settings.get("closed", ()))
        self._max_input_bytes: int | None = settings.get("max_input_bytes")
        self._queues: Mapping[str, str] = settings.get("queues", {})
        self._rates: Mapping[str, float] = settings.get("starts_per_second", {})
        self._never = frozenset(settings.get("never_retry", ()))
        self._always: Mapping[str, float] = settings.get("always_retry", {})
        self._monotonic = monotonic
        self._free_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def check_submission(self, submission: Submission) -> None:
        """Refuse a run of a closed workflow, or with an input that is too large.

        Raises:
            Refused: names the rule.
        """
        name = _full_name(submission)
        if any(fnmatchcase(name, pattern) for pattern in self._closed):
            raise Refused(f"Workflow '{name}' is closed by policy; ask its operators", "CLOSED")
        if self._max_input_bytes is None:
            return
        size = len(json.dumps(submission.input, separators=(",", ":")).encode())
        if size > self._max_input_bytes:
            raise Refused(
                f"The input has {size} bytes; policy allows {self._max_input_bytes}",
                "INPUT_TOO_LARGE",
            )

    def queue_of(self, submission: Submission) -> str | None:
        """Return the queue of the first pattern that fits `namespace.name`."""
        name = _full_name(submission)
        fits = (queue for pattern, queue in self._queues.items() if fnmatchcase(name, pattern))
        return next(fits, None)

    def check_attempt(self, attempt: AttemptInfo) -> None:
        """Hold an attempt back whose kind would start faster than allowed in this process.

        Raises:
            RetryableError: says when the next one may start.
        """
        rate = self._rates.get(attempt.handler)
        if rate is None:
            return
        now = self._monotonic()
        with self._lock:
            free_at = self._free_at.get(attempt.handler, now)
            if free_at > now:
                raise RetryableError(
                    f"policy: at most {rate:g} steps of '{attempt.handler}' start per second",
                    retry_after_s=free_at - now,
                    code="HELD_BACK",
                )
            self._free_at[attempt.handler] = now + 1 / rate

    def decide(self, attempt: AttemptInfo, failure: Failed) -> RetryDecision | None:
        """Decide about the kinds of errors that rules name; the step's limit is kept."""
        if failure.error_type in self._never:
            return RetryDecision.stop()
        delay_s = self._always.get(failure.error_type)
        if delay_s is None or attempt.attempt >= attempt.attempt_limit:
            return None
        return RetryDecision.after(delay_s)


def _full_name(submission: Submission) -> str:
    return f"{submission.namespace}.{submission.workflow}"
