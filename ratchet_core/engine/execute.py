"""Running one attempt: a step handler is called and what it did becomes an outcome.

Nothing is written here, and no transaction is open while user code runs. What an attempt tells
while it runs (progress, log lines, custom events) is taken by `engine.report`; how values become
JSON is `engine.encode`'s affair.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from ratchet_core.domain.log import LogLimits, LogLine
from ratchet_core.domain.outcome import Completed, Failed, FailureKind, Outcome, cut
from ratchet_core.engine.attempt_log import AttemptLines, AttemptLog, current
from ratchet_core.engine.encode import Limits, NotJson, encode, plain_text
from ratchet_core.engine.hidden import Hidden
from ratchet_core.engine.plugged import attempt_info
from ratchet_core.engine.report import AttemptReporter, ProgressNote
from ratchet_core.engine.work import Assignment
from ratchet_core.errors import RatchetError, Refused
from ratchet_core.hooks import Calls
from ratchet_core.sdk.context import RunInfo, StepContext, StepInfo
from ratchet_core.sdk.errors import AttemptTimedOut, StepError
from ratchet_core.sdk.handler import StepHandler
from ratchet_core.sdk.http import HttpClient
from ratchet_core.telemetry import bind_late
from ratchet_core.telemetry.tracing import NO_TRACING, Attributes, Span, SpanKind, Tracing

#: Longest wait that a failure may ask for, in seconds; the step's own cap is lower.
_LONGEST_WAIT_S: Final = 365 * 86_400.0


class HandlerTable(Protocol):
    """Finds step handlers by the name that a definition uses."""

    def resolve(self, name: str) -> StepHandler:
        """Return the handler.

        Raises:
            RatchetError: there is none; the message says what to install or register.
        """
        ...


@dataclass(slots=True, kw_only=True)
class LiveAttempt:
    """An attempt under way, shared between the thread that runs it and the one that watches."""

    attempt_id: str  #: UUIDv7
    deadline: float = math.inf  #: on `time.monotonic()`
    stop: threading.Event = field(default_factory=threading.Event)  #: set when cancelled
    progress: ProgressNote | None = None  #: the newest; whoever forwards it takes it out
    lines: AttemptLines | None = None  #: its log, once it runs; whoever stores lines takes them out


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of calling a step handler."""

    outcome: Outcome  #: how the attempt ended
    duration_us: int  #: microseconds that the step handler took
    logs: tuple[LogLine, ...] = ()  #: lines that nobody has taken out while it ran
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()  #: custom events: name, payload


def log_fields(assignment: Assignment, live: LiveAttempt) -> Mapping[str, object]:
    """Return what every log line about an attempt says."""
    return {
        "workflow": assignment.workflow.full_name,
        "run_id": assignment.run_id,
        "step": assignment.step.name,
        "step_id": assignment.step_id,
        "attempt": assignment.attempt,
        "attempt_id": live.attempt_id,
    }


def span_fields(assignment: Assignment, live: LiveAttempt) -> Attributes:
    """Return what the span of an attempt says: ids and names, never a value."""
    return {
        "ratchet.workflow": assignment.workflow.full_name,
        "ratchet.run_id": assignment.run_id,
        "ratchet.step": assignment.step.name,
        "ratchet.step_id": assignment.step_id,
        "ratchet.attempt": assignment.attempt,
        "ratchet.attempt_id": live.attempt_id,
        "ratchet.handler": assignment.handler,
    }


class Executor:
    """Calls step handlers, one attempt at a time per thread."""

    def __init__(  # noqa: PLR0913 - what an attempt is given comes from as many places
        self,
        handlers: HandlerTable,
        http_of: Callable[[str], HttpClient],
        default_timeout_s: float,
        *,
        log_limits: LogLimits,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        calls: Calls | None = None,
        secrets_for: Callable[[str, str], Mapping[str, Any]] = lambda _run_id, _input: {},
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._calls = calls or Calls()
        self._secrets_for = secrets_for
        self._tracing = tracing
        self._handlers = handlers
        self._http_of = http_of
        self._default_timeout_s = default_timeout_s
        self._clock = clock
        self._limits = limits or Limits()
        self._log_limits = log_limits

    def timeout_s(self, assignment: Assignment) -> float:
        """Return the time limit of an attempt at this step."""
        named = assignment.step.timeout_s or assignment.workflow.timeout_s
        return named or self._default_timeout_s

    def execute(self, assignment: Assignment, live: LiveAttempt) -> Executed:
        """Call the step's handler and return what came of it; never raises.

        Args:
            assignment: what to run.
            live: the attempt; its `stop` may be set by another thread while the handler runs.
        """
        if not self._tracing.is_on:
            return self._execute(assignment, live, NO_TRACING)
        told = span_fields(assignment, live)
        name = f"attempt {assignment.workflow.full_name}/{assignment.step.name}"
        with self._tracing.span(name, SpanKind.ATTEMPT, told, assignment.traceparent) as span:
            executed = self._execute(assignment, live, span)
            if isinstance(executed.outcome, Failed):
                span.fail(executed.outcome.error_type)
                span.tell({"ratchet.error_code": executed.outcome.code})
            return executed

    def _execute(self, assignment: Assignment, live: LiveAttempt, span: Span) -> Executed:
        hidden = Hidden()
        live.lines = lines = AttemptLines(self._log_limits, self._clock, hidden.clean)
        declared = assignment.step.custom_events
        reporter = AttemptReporter(live, declared, lines, self._limits, hidden.clean)
        started = time.perf_counter_ns()
        outcome: Outcome
        try:
            handler = self._handlers.resolve(assignment.handler)
            if self._calls.minds_attempts:
                self._calls.before_attempt(attempt_info(assignment, live.attempt_id))
            context = self._context(assignment, live, reporter, AttemptLog(lines))
            hidden.hide(context.secrets)
            with current(lines), bind_late(lambda: {**log_fields(assignment, live), **span.ids}):
                result = _call(handler, context)
            outcome = Completed(hidden.clean(encode(result, "the step's result", self._limits)))
        except BaseException as error:  # noqa: BLE001 - SystemExit of user code must not end us
            outcome = hidden.cleaned(failure_of(error))
        duration_us = (time.perf_counter_ns() - started) // 1000
        return Executed(outcome, duration_us, lines.close(), reporter.events())

    def _context(
        self,
        assignment: Assignment,
        live: LiveAttempt,
        reporter: AttemptReporter,
        log: AttemptLog,
    ) -> StepContext:
        workflow, step = assignment.workflow, assignment.step
        return StepContext(
            run=RunInfo(
                id=assignment.run_id,
                namespace=workflow.namespace,
                workflow=workflow.name,
                version=workflow.version,
            ),
            step=StepInfo(id=assignment.step_id, name=step.name, attempt_id=live.attempt_id),
            attempt=assignment.attempt,
            input=orjson.loads(assignment.input),
            results={name: orjson.loads(text) for name, text in assignment.results.items()},
            config=step.config,
            files=workflow.files,
            idempotency_key=assignment.step_id,
            timeout_s=self.timeout_s(assignment),
            deadline=live.deadline,
            http=self._http_of(workflow.namespace),
            log=log,
            reporter=reporter,
            stop=live.stop,
            secrets=self._secrets_for(assignment.run_id, assignment.run_input),
        )


def _call(handler: StepHandler, context: StepContext) -> Any:
    output = handler.process(context)
    if inspect.isawaitable(output):
        output = asyncio.run(_awaited(output))
    result = handler.process_results(context, output)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


def _awaited(awaitable: Any) -> Coroutine[Any, Any, Any]:
    if inspect.iscoroutine(awaitable):
        return awaitable

    async def wait() -> Any:
        return await awaitable

    return wait()


def failure_of(error: BaseException) -> Failed:
    """Turn what a step handler raised into data: no traceback, no reference to the exception."""
    if isinstance(error, StepError):
        return _told_failure(error)
    if isinstance(error, NotJson):
        return Failed(
            error_type="InvalidResult",
            code="INVALID_RESULT",
            message=plain_text(cut(str(error))),
            retryable=False,
        )
    name = type(error).__name__
    if not isinstance(error, Exception):
        message = f"the step handler raised {name}({_text_of(error)}), which ends no worker"
    else:
        message = _text_of(error) or name
    return Failed(
        error_type=plain_text(name),
        code=error.code if isinstance(error, RatchetError) else "STEP_FAILED",
        message=plain_text(cut(message)),
        retryable=False if isinstance(error, Refused) else None,
    )


def _told_failure(error: StepError) -> Failed:
    """Take over what step code said about its failure, as far as it makes sense."""
    is_timeout = isinstance(error, AttemptTimedOut)
    return Failed(
        kind=FailureKind.TIMEOUT if is_timeout else FailureKind.ERROR,
        error_type=plain_text(str(error.error_type)),
        code=plain_text(str(error.code)),
        message=plain_text(cut(_text_of(error) or str(error.error_type))),
        retryable=error.retryable if isinstance(error.retryable, bool) else None,
        retry_after_s=_sane_wait_s(error.retry_after_s),
        details=_sane_details(error.details),
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the failure
        return ""


def _sane_wait_s(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or value < 0:
        return None
    return min(float(value), _LONGEST_WAIT_S)


def _sane_details(details: Any) -> Mapping[str, Any] | None:
    if not isinstance(details, Mapping):
        return None
    try:
        text = encode(dict(details), "details", Limits(max_bytes=65_536))
    except NotJson as error:
        return {"dropped": f"the details were no JSON: {plain_text(str(error))}"}
    kept: Mapping[str, Any] = orjson.loads(text)
    return kept
