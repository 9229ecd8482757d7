"""Calling step handlers: what becomes of results, of errors, and of what an attempt tells."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from ratchet_core.domain.log import LogLimits
from ratchet_core.domain.outcome import Completed, Failed, FailureKind
from ratchet_core.domain.workflow import CustomEvent, StepDefinition, WorkflowDefinition
from ratchet_core.engine.encode import Limits
from ratchet_core.engine.execute import Executed, Executor, LiveAttempt
from ratchet_core.engine.work import Assignment
from ratchet_core.errors import PluginError
from ratchet_core.sdk import (
    FunctionHandler,
    HttpRequest,
    HttpResponse,
    NetworkFailure,
    PermanentError,
    RetryableError,
    StepContext,
    StepError,
    StepHandler,
)
from ratchet_core.telemetry import bound

LOG_LIMITS = LogLimits(line_bytes=1000, lines=100, total_bytes=10_000, lines_per_s=100)


class NoNetwork:
    """An HTTP client of a machine without a network."""

    def request(self, request: HttpRequest) -> HttpResponse:
        raise NetworkFailure(f"no route to {request.url}")


class Table:
    """Knows one step handler by every name but `missing`."""

    def __init__(self, handler: StepHandler) -> None:
        self.handler = handler

    def resolve(self, name: str) -> StepHandler:
        if name == "missing":
            raise PluginError("no step handler 'missing'; install the plugin that has it")
        return self.handler


def assignment(**step: Any) -> Assignment:
    definition = StepDefinition(**{"name": "only", "handler": "any", **step})
    return Assignment(
        step_id="step-1",
        run_id="run-1",
        token=1,
        position=0,
        workflow=WorkflowDefinition(name="flow", steps=(definition,), timeout_s=7.0),
        attempt=2,
        failures=1,
        losses=0,
        priority=0,
        alone=False,
        input='{"city":"London"}',
        results={"parent": "[1,2]"},
    )


def run(
    performer: StepHandler | Callable[[StepContext], Any],
    live: LiveAttempt | None = None,
    limits: Limits | None = None,
    **step: Any,
) -> Executed:
    known = performer if isinstance(performer, StepHandler) else FunctionHandler(performer)
    executor = Executor(
        Table(known), lambda _: NoNetwork(), 300.0, limits=limits, log_limits=LOG_LIMITS
    )
    return executor.execute(assignment(**step), live or LiveAttempt(attempt_id="attempt-1"))


def failure(performer: StepHandler | Callable[[StepContext], Any], **step: Any) -> Failed:
    outcome = run(performer, **step).outcome
    assert isinstance(outcome, Failed)
    return outcome


def raising(error: BaseException) -> Callable[[StepContext], Any]:
    def process(context: StepContext) -> Any:
        raise error

    return process


def test_the_result_is_kept_as_json_text() -> None:
    executed = run(
        lambda context: {"city": context.input["city"], "sum": sum(context.results["parent"])}
    )

    assert executed.outcome == Completed('{"city":"London","sum":3}')


def test_the_handler_sees_who_and_where_it_is() -> None:
    live = LiveAttempt(attempt_id="attempt-9", deadline=time.monotonic() + 60)
    seen: list[StepContext] = []

    run(seen.append, live, config={"unit": "C"}, timeout_s=60.0)

    [context] = seen
    assert (context.run.id, context.run.task_id, context.step.name) == ("run-1", "flow", "only")
    assert (context.step.attempt_id, context.attempt, context.timeout_s) == ("attempt-9", 2, 60.0)
    assert context.config == {"unit": "C"}
    assert 0 < context.remaining_s <= 60


def test_the_idempotency_key_is_the_same_for_every_attempt() -> None:
    keys = []
    run(lambda context: keys.append(context.idempotency_key), LiveAttempt(attempt_id="a"))
    run(lambda context: keys.append(context.idempotency_key), LiveAttempt(attempt_id="b"))

    assert len(set(keys)) == 1


def test_a_step_without_a_time_limit_takes_the_workflows() -> None:
    executor = Executor(Table(StepHandler()), lambda _: NoNetwork(), 300.0, log_limits=LOG_LIMITS)
    without = replace(assignment().workflow, timeout_s=None)

    assert executor.timeout_s(assignment(timeout_s=2.0)) == 2.0
    assert executor.timeout_s(assignment()) == 7.0
    assert executor.timeout_s(replace(assignment(), workflow=without)) == 300.0


def test_coroutines_are_run_to_their_end() -> None:
    async def process(context: StepContext) -> str:
        await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, int), 5)
        return context.step.name

    assert run(process).outcome == Completed('"only"')


def test_process_results_has_the_last_word() -> None:
    class Doubling(StepHandler):
        def process(self, context: StepContext) -> int:
            return 21

        def process_results(self, context: StepContext, output: int) -> int:
            return output * 2

    assert run(Doubling()).outcome == Completed("42")


def test_a_handler_without_process_fails_its_own_step() -> None:
    failed = failure(StepHandler())

    assert failed.message == "StepHandler must define process(self, context)"


def test_a_missing_handler_fails_the_attempt_with_what_to_do() -> None:
    failed = failure(StepHandler(), handler="missing")

    assert "install the plugin" in failed.message
    assert failed.code == "PLUGIN_ERROR"
    assert failed.retryable is None


def test_a_retryable_error_keeps_its_meaning() -> None:
    failed = failure(
        raising(RetryableError("busy", retry_after_s=3, code="BUSY", details={"queue": 7}))
    )

    assert (failed.retryable, failed.retry_after_s, failed.code) == (True, 3.0, "BUSY")
    assert (failed.error_type, failed.details) == ("RetryableError", {"queue": 7})


def test_a_permanent_error_is_not_retried() -> None:
    failed = failure(raising(PermanentError("card declined", error_type="CardDeclined")))

    assert (failed.retryable, failed.error_type) == (False, "CardDeclined")


@pytest.mark.parametrize("wait", [math.nan, math.inf, -1, "soon", True])
def test_a_senseless_retry_after_is_ignored(wait: Any) -> None:
    assert failure(raising(RetryableError("busy", retry_after_s=wait))).retry_after_s is None


def test_details_that_are_no_json_do_not_lose_the_failure() -> None:
    failed = failure(raising(StepError("odd", details={"set": {1}})))

    assert failed.message == "odd"
    assert failed.details is not None
    assert "at set: a set has no JSON form" in failed.details["dropped"]


def test_any_other_exception_is_left_to_the_steps_policy() -> None:
    failed = failure(raising(KeyError("city")))

    assert (failed.kind, failed.error_type, failed.retryable) == (
        FailureKind.ERROR,
        "KeyError",
        None,
    )
    assert failed.message == "'city'"


def test_no_traceback_and_no_path_of_this_host_is_told() -> None:
    def process(context: StepContext) -> int:
        return 1 // 0

    failed = failure(process)

    assert failed.message == "integer division or modulo by zero"
    assert __file__ not in repr(failed)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_step_code_cannot_end_the_worker(error: BaseException) -> None:
    failed = failure(raising(error))

    assert failed.error_type == type(error).__name__
    assert "ends no worker" in failed.message


def test_a_coroutine_that_exits_is_a_failure_too() -> None:
    async def process(context: StepContext) -> None:
        sys.exit("bye")

    assert failure(process).error_type == "SystemExit"


def test_an_error_that_cannot_be_shown_still_fails_the_attempt() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert failure(raising(Broken())).message == "Broken"


def test_a_missed_deadline_told_by_the_handler_is_a_timeout() -> None:
    live = LiveAttempt(attempt_id="a", deadline=time.monotonic() - 1)

    outcome = run(lambda context: context.heartbeat(), live).outcome

    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.code) == (FailureKind.TIMEOUT, "TIMEOUT")


def test_a_cancelled_attempt_ends_at_its_heartbeat() -> None:
    live = LiveAttempt(attempt_id="a")
    live.stop.set()

    outcome = run(lambda context: context.heartbeat(), live).outcome

    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("CANCELLED", False)


def test_long_messages_are_cut_and_nul_and_surrogates_replaced() -> None:
    failed = failure(raising(ValueError("a\x00b\ud800" + "x" * 10_000)))

    assert failed.message.startswith("a\\0b\\ud800xxx")
    assert len(failed.message) < 4200


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"none": None}, '{"none":null}'),
        ((1, "a"), '[1,"a"]'),
        (Colour.RED, '"red"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00+00:00"'),
    ],
)
def test_these_results_have_a_json_form(value: Any, text: str) -> None:
    assert run(lambda context: value).outcome == Completed(text)


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [1.5, math.nan]}, "at a[1]: nan is no JSON number"),
        (math.inf, "result is no JSON: inf is no JSON number"),
        ({"a": {"b": {3}}}, "at a.b: a set has no JSON form"),
        ({1: "x"}, "the key 1 is an int, not a string"),
        ([2**64], "at [0]: the integer does not fit into 64 bits"),
        (["\ud800"], "at [0]: the text has a lone surrogate at character 0"),
        (lambda: 1, "a function has no JSON form"),
        (nested(201), "nested deeper than 200 levels"),
        (nested(5_000), "nested deeper than 200 levels"),
        (CIRCLE, "nested deeper than 200 levels"),
    ],
)
def test_a_result_that_is_no_json_fails_with_its_place(value: Any, reason: str) -> None:
    failed = failure(lambda context: value)

    assert reason in failed.message
    assert (failed.code, failed.retryable) == ("INVALID_RESULT", False)


def test_nesting_up_to_the_limit_is_fine() -> None:
    assert isinstance(run(lambda context: nested(199)).outcome, Completed)


def test_a_result_above_the_limit_fails_and_names_the_limit() -> None:
    failed = run(lambda context: "x" * 100, limits=Limits(max_bytes=50)).outcome

    assert isinstance(failed, Failed)
    assert (
        "102 bytes of JSON, more than the limit of 50 (limits.max_result_bytes)" in failed.message
    )


def test_what_a_failed_attempt_logged_is_kept() -> None:
    def process(context: StepContext) -> None:
        context.log.error("about to fail")
        raise ValueError("now")

    assert [line.message for line in run(process).logs] == ["about to fail"]


def test_the_newest_progress_waits_for_whoever_forwards_it() -> None:
    live = LiveAttempt(attempt_id="a")

    def process(context: StepContext) -> None:
        context.progress(0.1)
        context.progress(7, "nearly", {"rows": 3})

    run(process, live)

    assert live.progress is not None
    assert (live.progress.fraction, live.progress.message) == (1.0, "nearly")
    assert live.progress.data == {"rows": 3}


def test_declared_events_go_with_the_end_of_the_attempt() -> None:
    executed = run(
        lambda context: context.publish("pay.charged", {"cents": 5}),
        custom_events=(CustomEvent(name="pay.charged"),),
    )

    assert executed.events == (("pay.charged", {"cents": 5}),)


def test_an_undeclared_event_fails_the_attempt() -> None:
    failed = failure(
        lambda context: context.publish("pay.refunded"),
        custom_events=(CustomEvent(name="pay.charged"),),
    )

    assert failed.code == "UNDECLARED_EVENT"
    assert "declares only: pay.charged" in failed.message


def test_log_lines_of_other_loggers_name_run_step_and_attempt() -> None:
    seen: list[dict[str, object]] = []

    def work(context: StepContext) -> None:
        seen.append(dict(bound()))

    executed = run(work)

    assert isinstance(executed.outcome, Completed)
    assert seen == [
        {
            "workflow": "default.flow@0.1.0",
            "run_id": "run-1",
            "step": "only",
            "step_id": "step-1",
            "attempt": 2,
            "attempt_id": "attempt-1",
        }
    ]
    assert bound() == {}
