"""The secrets of an attempt are taken out of what is stored of it."""

from __future__ import annotations

import orjson

from ratchet_core.domain.log import LogLimits
from ratchet_core.domain.outcome import Completed, Failed
from ratchet_core.domain.workflow import CustomEvent, StepDefinition, WorkflowDefinition
from ratchet_core.engine.execute import Executor, LiveAttempt
from ratchet_core.engine.hidden import MARK, Hidden
from ratchet_core.engine.work import Assignment
from ratchet_core.sdk import (
    FunctionHandler,
    HttpRequest,
    HttpResponse,
    StepContext,
    StepHandler,
)

SECRET = 'a "quoted" sécret'


def hidden() -> Hidden:
    made = Hidden()
    made.hide({"webhook_secret": SECRET, "short": "abc", "number": 7})
    return made


def test_a_secret_is_found_in_text_and_in_json() -> None:
    text = orjson.dumps({"a": SECRET}).decode()

    assert hidden().clean(f"x {SECRET} y") == f"x {MARK} y"
    assert hidden().clean(text) == f'{{"a":"{MARK}"}}'


def test_what_is_too_short_to_be_a_secret_stays() -> None:
    assert hidden().clean("abc") == "abc"


def test_a_failure_keeps_its_shape() -> None:
    failed = Failed(error_type="E", message=f"no {SECRET}", details={"with": [SECRET]})

    cleaned = hidden().cleaned(failed)

    assert cleaned.message == f"no {MARK}"
    assert cleaned.details == {"with": [MARK]}
    assert Hidden().cleaned(failed) is failed


class Nothing:
    """Knows one step handler; reaches nothing."""

    def __init__(self, handler: StepHandler) -> None:
        self.handler = handler

    def resolve(self, name: str) -> StepHandler:
        return self.handler

    def request(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError(request)


def test_a_handler_gets_its_secrets_and_nothing_of_them_is_kept() -> None:
    seen: list[object] = []

    def process(context: StepContext) -> object:
        secret = context.secrets["webhook_secret"]
        seen.append((secret, context.input))
        context.log.info("with %s", secret)
        context.progress(0.5, f"at {secret}", {"data": secret})
        context.publish("told", {"what": secret})
        return {"result": secret}

    table = Nothing(FunctionHandler(process))
    executor = Executor(
        table,
        lambda _namespace: table,
        60.0,
        log_limits=LogLimits(line_bytes=1000, lines=100, total_bytes=10_000, lines_per_s=100),
        secrets_for=lambda run_id, run_input: {"webhook_secret": f"{SECRET} of {run_id}"},
    )
    event = CustomEvent(name="told", description="")
    step = StepDefinition(name="only", handler="any", custom_events=(event,))
    live = LiveAttempt(attempt_id="attempt-1")

    executed = executor.execute(
        Assignment(
            step_id="step-1",
            run_id="run-1",
            token=1,
            position=0,
            workflow=WorkflowDefinition(name="flow", steps=(step,)),
            attempt=1,
            failures=0,
            losses=0,
            priority=0,
            alone=False,
            input='{"webhook":{}}',
            run_input='{"webhook":{}}',
        ),
        live,
    )

    assert seen == [(f"{SECRET} of run-1", {"webhook": {}})]
    assert executed.outcome == Completed(f'{{"result":"{MARK}"}}')
    assert executed.events == (("told", {"what": MARK}),)
    assert SECRET not in f"{executed} {live.progress}"
