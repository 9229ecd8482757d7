"""What every step handler promises (`ratchet_core.sdk.StepHandler`)."""

from __future__ import annotations

import copy
import gc
import inspect
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ratchet_core.domain.outcome import Completed, Failed
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.execute import Executed, LiveAttempt
from ratchet_core.hooks.names import handler_name
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk import HttpClient, StepHandler
from ratchet_core.testing.contract import judging
from ratchet_core.testing.fixtures import MakeRatchet
from ratchet_core.testing.values import (
    Recorder,
    StepExample,
    execute,
    local_client,
    odd_values,
    step_context,
)


class StepHandlerContract:
    """Inherit it as `class TestMine(StepHandlerContract)` and override what is yours.

    Fixtures to override: `handler` and `good_step`; `bad_configs` where the handler has a `check`;
    and, to have more looked at, `permanent_steps`, `retryable_steps`, `long_step`, `secrets`.
    """

    #: A step under way ends within 5 s after its run was cancelled; looked at with `long_step`.
    heeds_cancel: ClassVar[bool] = False

    @pytest.fixture
    def handler(self) -> StepHandler:
        """Give a new step handler."""
        judging.wanted("handler")

    @pytest.fixture
    def good_step(self) -> StepExample:
        """Give a step that completes."""
        judging.wanted("good_step")

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        """Give values of `handler_config` in which `check` has to find something."""
        return ()

    @pytest.fixture
    def permanent_steps(self) -> Sequence[StepExample]:
        """Give steps that fail, and would fail again."""
        return ()

    @pytest.fixture
    def retryable_steps(self) -> Sequence[StepExample]:
        """Give steps that fail for reasons that may pass."""
        return ()

    @pytest.fixture
    def long_step(self) -> StepExample | None:
        """Give a step that would take longer than its `timeout_s`, if the handler let it."""
        return None

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Give the secret texts in settings and examples, none of which may be told."""
        return ()

    @pytest.fixture
    def step_http(self) -> Iterator[HttpClient]:
        """Give the client that steps are given: by default one that reaches this machine alone."""
        with local_client() as client:
            yield client

    # ── definitions ─────────────────────────────────────────────────────────────────────────────

    def test_definitions_can_name_it(self, handler: StepHandler) -> None:
        name = handler_name(handler)

        assert isinstance(handler, StepHandler)
        assert isinstance(name, str), "set `name` on the class"
        assert name, "set `name` on the class"
        assert name.isprintable()
        assert name == name.strip()

    def test_a_good_configuration_is_accepted(
        self, handler: StepHandler, good_step: StepExample
    ) -> None:
        found = handler.check(good_step.config, good_step.files)

        judging.assert_problems(found, of=good_step.config)
        assert list(found) == []

    def test_bad_configurations_are_refused_with_reasons(
        self, handler: StepHandler, bad_configs: Sequence[Mapping[str, Any]]
    ) -> None:
        if type(handler).check is StepHandler.check:
            pytest.skip("the handler has no `check`")
        assert bad_configs, "the handler has a `check`: give `bad_configs` that it refuses"

        judging.assert_refused(lambda value: handler.check(value, {}), bad_configs, keyed=False)

    def test_checking_answers_whatever_is_configured(
        self, handler: StepHandler, good_step: StepExample
    ) -> None:
        def check(value: Mapping[str, Any]) -> Any:
            return handler.check(value, good_step.files)

        judging.assert_checks_anything(check, odd_values(good_step.config))

    # ── attempts ────────────────────────────────────────────────────────────────────────────────

    def test_a_step_completes_with_a_json_value(
        self, handler: StepHandler, good_step: StepExample, step_http: HttpClient
    ) -> None:
        _completed(execute(handler, good_step, http=step_http))

    def test_a_step_can_be_run_again(
        self, handler: StepHandler, good_step: StepExample, step_http: HttpClient
    ) -> None:
        step_id = new_id()

        for attempt in (1, 2):
            _completed(
                execute(handler, good_step, http=step_http, attempt=attempt, step_id=step_id)
            )

    def test_what_a_step_is_given_is_left_as_it_is(
        self, handler: StepHandler, good_step: StepExample, step_http: HttpClient
    ) -> None:
        given = copy.deepcopy(good_step)
        context = step_context(given, http=step_http)

        _process(handler, context)

        assert context.input == good_step.input, "it changed the run's input"
        assert context.config == good_step.config, "it changed its configuration"
        assert context.results == good_step.results, "it changed results of parents"
        assert context.files == good_step.files, "it changed the files of the definition"

    def test_nothing_of_an_attempt_is_kept(
        self, handler: StepHandler, good_step: StepExample, step_http: HttpClient
    ) -> None:
        reporter = Recorder()
        watched = weakref.ref(reporter)

        _process(handler, step_context(good_step, http=step_http, reporter=reporter))
        del reporter
        gc.collect()

        assert watched() is None, "the handler keeps the context of an attempt that has ended"

    def test_lasting_failures_are_permanent(
        self,
        handler: StepHandler,
        permanent_steps: Sequence[StepExample],
        step_http: HttpClient,
    ) -> None:
        for example in judging.needs(permanent_steps or None, "permanent_steps"):
            failed = _failed(execute(handler, example, http=step_http), example)
            assert failed.retryable is False, f"raise PermanentError; it was {failed}"

    def test_passing_failures_are_retryable(
        self,
        handler: StepHandler,
        retryable_steps: Sequence[StepExample],
        step_http: HttpClient,
    ) -> None:
        for example in judging.needs(retryable_steps or None, "retryable_steps"):
            failed = _failed(execute(handler, example, http=step_http), example)
            assert failed.retryable is True, f"raise RetryableError; it was {failed}"

    def test_a_step_ends_at_its_time_limit(
        self, handler: StepHandler, long_step: StepExample | None, step_http: HttpClient
    ) -> None:
        example = judging.needs(long_step, "long_step")

        executed = judging.in_time(
            lambda: execute(handler, example, http=step_http),
            example.timeout_s + judging.GRACE_S,
            "the step",
        )

        assert isinstance(executed.outcome, Failed), "it completed: it is no long step"
        lasted_s = executed.duration_us / 1e6
        assert lasted_s >= 0.9 * example.timeout_s, f"it is no long step: {executed.outcome}"

    def test_a_step_ends_when_its_run_is_cancelled(
        self, handler: StepHandler, long_step: StepExample | None, step_http: HttpClient
    ) -> None:
        if not self.heeds_cancel:
            pytest.skip("`heeds_cancel` is False")
        example = judging.needs(long_step, "long_step")
        live = LiveAttempt(attempt_id=new_id(), deadline=time.monotonic() + 60)
        threading.Timer(0.2, live.stop.set).start()

        executed = judging.in_time(
            lambda: execute(handler, example, http=step_http, live=live),
            0.2 + judging.GRACE_S,
            "the cancelled step",
        )

        assert isinstance(executed.outcome, Failed)

    def test_no_secret_is_told(
        self,
        handler: StepHandler,
        good_step: StepExample,
        permanent_steps: Sequence[StepExample],
        retryable_steps: Sequence[StepExample],
        secrets: Sequence[str],
        step_http: HttpClient,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        hidden = judging.needs(secrets or None, "secrets")
        judging.assert_hidden(hidden, repr(handler), "the handler's repr")

        for example in (good_step, *permanent_steps, *retryable_steps):
            executed = execute(handler, example, http=step_http)
            judging.assert_hidden(hidden, executed.outcome, "a result or a failure")
            judging.assert_hidden(hidden, executed.logs, "the log of an attempt")
        judging.assert_hidden(hidden, caplog.text, "the log")

    # ── life ────────────────────────────────────────────────────────────────────────────────────

    def test_it_can_be_closed_more_than_once(
        self, handler: StepHandler, good_step: StepExample, step_http: HttpClient
    ) -> None:
        handler.warm()
        _completed(execute(handler, good_step, http=step_http))

        handler.close()
        handler.close()

    def test_it_can_be_closed_unused(self, handler: StepHandler) -> None:
        handler.close()

    def test_a_workflow_runs_it(
        self,
        handler: StepHandler,
        good_step: StepExample,
        step_http: HttpClient,
        make_ratchet: MakeRatchet,
    ) -> None:
        if good_step.results:
            pytest.skip("the example has parents")
        step = {"config": good_step.config, "timeout_s": good_step.timeout_s}
        name = str(handler_name(handler))
        definition = single_step("example", name, files=dict(good_step.files), step=step)

        ratchet = make_ratchet(handlers=[handler], definitions=definition, http=step_http)
        run = ratchet.run("example", good_step.input)

        assert run.status == "completed", run.error


def _process(handler: StepHandler, context: Any) -> None:
    """Call the handler itself, as the executor does."""
    output = handler.process(context)
    if inspect.iscoroutine(output):
        pytest.skip("asynchronous handlers are called by the executor alone")
    handler.process_results(context, output)


def _completed(executed: Executed) -> None:
    assert isinstance(executed.outcome, Completed), f"the step failed: {executed.outcome}"


def _failed(executed: Executed, example: StepExample) -> Failed:
    failed = executed.outcome
    assert isinstance(failed, Failed), f"the step completed: {example}"
    assert failed.message.strip(), "a failure has to say what happened"
    judging.assert_code(failed.code)
    return failed
