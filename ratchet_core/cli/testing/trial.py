"""Running one test case: the real step handler, the case's mocks, and a verdict.

The attempt is the one of a run, schemas included; only the database is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from ratchet_core.cli.testing.assertion import failure_of
from ratchet_core.cli.testing.difference import differences
from ratchet_core.domain.log import LogLine
from ratchet_core.domain.outcome import Completed, Failed, Outcome
from ratchet_core.egress import MockClient
from ratchet_core.engine.attempt_log import limits_of
from ratchet_core.engine.encode import Limits
from ratchet_core.engine.execute import Executor, LiveAttempt
from ratchet_core.engine.output import checked_outcome
from ratchet_core.engine.work import Assignment, Finished
from ratchet_core.registry.found import FoundDefinition, HttpMock, TestCase
from ratchet_core.registry.schema import InputValidator
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id

Verdict = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one test case."""

    workflow: str  #: `namespace.name@version`
    case: str  #: its name
    file: str  #: where it is written
    verdict: Verdict  #: how it ended
    duration_ms: float = 0.0  #: of the attempt
    reasons: tuple[str, ...] = ()  #: why it failed or was skipped, a line each
    logs: tuple[LogLine, ...] = ()  #: what the script has logged


class Trials:
    """Runs test cases with the step handlers of a runtime."""

    def __init__(self, runtime: Ratchet) -> None:
        self._runtime = runtime

    def run(self, found: FoundDefinition, case: TestCase) -> Trial:
        """Run one case; never raises for what the script does."""
        full_name = found.definition.full_name
        skip_reason = case.skip_reason
        if skip_reason is not None:
            return Trial(
                workflow=full_name,
                case=case.name,
                file=case.file,
                verdict="skipped",
                reasons=(skip_reason,),
            )
        started = time.perf_counter()
        outcome, logs = self._attempt(found, case)
        reasons = tuple(_complaints(case, outcome))
        return Trial(
            workflow=full_name,
            case=case.name,
            file=case.file,
            verdict="failed" if reasons else "passed",
            duration_ms=(time.perf_counter() - started) * 1000,
            reasons=reasons,
            logs=logs,
        )

    def _attempt(
        self, found: FoundDefinition, case: TestCase
    ) -> tuple[Outcome, tuple[LogLine, ...]]:
        definition = found.definition
        settings = self._runtime.settings
        schema = definition.input_schema if settings.execution.validate_schemas else None
        refused = _input_refused(schema, case.input)
        if refused is not None:
            return refused, ()
        mocks = MockClient([_mock(mock) for mock in case.mocks]) if case.mocks else None
        executor = Executor(
            self._runtime.handlers,
            lambda _namespace: mocks or self._runtime.http,
            settings.execution.max_execution_duration_s,
            limits=Limits(settings.limits.max_result_bytes, settings.limits.max_json_depth),
            log_limits=limits_of(settings.logs),
        )
        text = orjson.dumps(case.input).decode()
        assignment = Assignment(
            step_id=new_id(),
            run_id=new_id(),
            token=1,
            position=0,
            workflow=definition,
            attempt=1,
            failures=0,
            losses=0,
            priority=0,
            alone=False,
            input=text,
            run_input=text,
        )
        deadline = time.monotonic() + executor.timeout_s(assignment)
        live = LiveAttempt(attempt_id=new_id(), deadline=deadline)
        executed = executor.execute(assignment, live)
        finished = Finished(
            assignment=assignment,
            attempt_id=live.attempt_id,
            outcome=executed.outcome,
            age_us=executed.duration_us,
            duration_us=executed.duration_us,
        )
        return checked_outcome(self._runtime.core, finished).outcome, executed.logs


def _input_refused(schema: Mapping[str, Any] | None, value: Any) -> Failed | None:
    """Return the refusal that a run with this input would meet."""
    problems = InputValidator(schema).check(value, "input") if schema is not None else {}
    if not problems:
        return None
    listed = "; ".join(f"{place}: {text}" for place, texts in problems.items() for text in texts)
    return Failed(
        error_type="ValidationError",
        code="VALIDATION_FAILED",
        message=f"The input does not match the schema of the workflow: {listed}",
        retryable=False,
    )


def _mock(mock: HttpMock) -> dict[str, Any]:
    """Return a mock as `MockClient` reads it."""
    response = {
        "status": mock.status,
        "statusText": mock.status_text,
        "headers": dict(mock.headers),
        "body": "" if mock.body is None else mock.body,
    }
    return {"url": mock.url, "method": mock.method, "response": response}


def _complaints(case: TestCase, outcome: Outcome) -> Iterator[str]:
    """Yield why the case has failed; nothing where it has passed."""
    if isinstance(outcome, Failed):
        yield from _complaints_of_failure(case, outcome)
    elif isinstance(outcome, Completed):
        result = orjson.loads(outcome.result)
        if case.should_fail:
            yield f"it was to fail, but returned {outcome.result[:200]}"
            return
        if case.has_expected_output:
            yield from differences(case.expected_output, result)
        for assertion in case.assertions:
            complaint = failure_of(assertion, result)
            if complaint is not None:
                yield complaint


def _complaints_of_failure(case: TestCase, outcome: Failed) -> Iterator[str]:
    told = f"{outcome.error_type}: {outcome.message}"
    if not case.should_fail:
        yield f"it failed with {told}"
        return
    expected = case.expected_error
    if expected is None:
        return
    if expected.type is not None and expected.type != outcome.error_type:
        yield f"it was to fail with {expected.type}, but failed with {told}"
    elif expected.message is not None and expected.message not in told:
        yield f"the error was to say '{expected.message}', but it was {told}"
