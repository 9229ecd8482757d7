"""The step handler `http`: one call of an API per attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from ratchet_core.sdk import PermanentError, StepContext, StepHandler
from ratchet_http.config import HttpConfig, config_problems
from ratchet_http.judgement import failure_of, result_of
from ratchet_http.request import build_request


def _utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


class HttpHandler(StepHandler):
    """Calls an API and judges its answer.

    Args:
        clock: returns the time, aware; a `Retry-After` that is a date is read against it.
    """

    name: ClassVar[str | None] = "http"

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock

    def process(self, context: StepContext) -> dict[str, Any]:
        """Make the request and return `{status, body, headers, url}`.

        Raises:
            RetryableError: the network failed, or the answer may change by itself.
            PermanentError: the step is wrong, its address is not allowed, or the answer stands.
            AttemptCancelled: the run was cancelled before the request went out.
        """
        context.heartbeat()
        problems = config_problems(context.config)
        if problems:
            raise PermanentError("; ".join(problems), code="CONFIGURATION_ERROR")
        config = HttpConfig.read(context.config)
        timeout_s = min(config.timeout_s, context.remaining_s)
        response = context.http.request(build_request(config, _variables(context), timeout_s))
        failure = failure_of(response, config.expected_statuses, self._clock())
        if failure is not None:
            raise failure
        return result_of(response)

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with a step's `handler_config`."""
        return config_problems(config)


def _variables(context: StepContext) -> dict[str, Any]:
    """Return what templates may read."""
    return {
        "attempt": context.attempt,
        "idempotency_key": context.idempotency_key,
        "input": context.input,
        "results": context.results,
        "run": {
            "id": context.run.id,
            "namespace": context.run.namespace,
            "workflow": context.run.workflow,
            "version": context.run.version,
        },
        "step": {"id": context.step.id, "name": context.step.name},
    }
