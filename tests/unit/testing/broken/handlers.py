"""Step handlers that break one promise each; the tests here are to fail, all but the sound one's.

`test_contracts.py` runs this file and looks at what failed. pytest does not collect it by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ratchet_core.sdk import PermanentError, RetryableError, StepContext, StepHandler
from ratchet_core.testing import StepExample, StepHandlerContract

SECRET = "hunter22-of-the-handler"


class Sound(StepHandler):
    """Keeps every promise."""

    name: ClassVar[str | None] = "sound"

    def process(self, context: StepContext) -> Any:
        what = context.config["what"]
        if what == "permanent":
            raise PermanentError("it is not there", code="NOT_THERE")
        if what == "retryable":
            raise RetryableError("busy", code="BUSY")
        while what == "long":
            context.heartbeat()
            context.stop.wait(0.01)
        return {"input": context.input}

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        return [] if isinstance(config.get("what"), str) else ["what: must be a text"]


class TestSound(StepHandlerContract):
    heeds_cancel = True
    made: ClassVar[type[StepHandler]] = Sound

    @pytest.fixture
    def handler(self) -> StepHandler:
        return self.made()

    @pytest.fixture
    def good_step(self) -> StepExample:
        return StepExample(input={"n": [1]}, config={"what": "good", "token": SECRET})

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"what": 1}]

    @pytest.fixture
    def permanent_steps(self) -> Sequence[StepExample]:
        return [StepExample(config={"what": "permanent", "token": SECRET})]

    @pytest.fixture
    def retryable_steps(self) -> Sequence[StepExample]:
        return [StepExample(config={"what": "retryable", "token": SECRET})]

    @pytest.fixture
    def long_step(self) -> StepExample:
        return StepExample(config={"what": "long"}, timeout_s=0.3)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]


class Nameless(Sound):
    name = None


class TestNameless(TestSound):
    made = Nameless


class AcceptsAnything(Sound):
    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        return ()


class TestAcceptsAnything(TestSound):
    made = AcceptsAnything


class RefusesTheGood(Sound):
    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        return ["what: no"]


class TestRefusesTheGood(TestSound):
    made = RefusesTheGood


class ChecksByRaising(Sound):
    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        return [] if config["what"].strip() else ["what: is empty"]


class TestChecksByRaising(TestSound):
    made = ChecksByRaising


class ReturnsNoJson(Sound):
    def process(self, context: StepContext) -> Any:
        return {"what": {1, 2}}


class TestReturnsNoJson(TestSound):
    made = ReturnsNoJson


class WorksOnce(Sound):
    def __init__(self) -> None:
        self.worked = False

    def process(self, context: StepContext) -> Any:
        if self.worked:
            raise RuntimeError("it exists already")
        self.worked = True
        return super().process(context)


class TestWorksOnce(TestSound):
    made = WorksOnce


class ChangesTheInput(Sound):
    def process(self, context: StepContext) -> Any:
        context.input.setdefault("n", []).append(2)
        return super().process(context)


class TestChangesTheInput(TestSound):
    made = ChangesTheInput


class KeepsTheContext(Sound):
    def process(self, context: StepContext) -> Any:
        self.latest = context
        return super().process(context)


class TestKeepsTheContext(TestSound):
    made = KeepsTheContext


class RaisesPlainErrors(Sound):
    def process(self, context: StepContext) -> Any:
        try:
            return super().process(context)
        except (PermanentError, RetryableError) as error:
            raise RuntimeError(str(error)) from None


class TestRaisesPlainErrors(TestSound):
    made = RaisesPlainErrors


class SpeaksInProse(Sound):
    def process(self, context: StepContext) -> Any:
        try:
            return super().process(context)
        except PermanentError:
            raise PermanentError("no", code="it is not there") from None


class TestSpeaksInProse(TestSound):
    made = SpeaksInProse


class NeverEnds(Sound):
    def process(self, context: StepContext) -> Any:
        if context.config["what"] == "long":
            threading.Event().wait(30)
        return super().process(context)


class TestNeverEnds(TestSound):
    made = NeverEnds


class TellsTheToken(Sound):
    def process(self, context: StepContext) -> Any:
        if context.config["what"] == "permanent":
            raise PermanentError(f"refused with {context.config['token']}")
        return super().process(context)


class TestTellsTheToken(TestSound):
    made = TellsTheToken


class LogsTheToken(Sound):
    def process(self, context: StepContext) -> Any:
        context.log.info("calling with %s", context.config.get("token"))
        return super().process(context)


class TestLogsTheToken(TestSound):
    made = LogsTheToken


class ClosesOnce(Sound):
    def __init__(self) -> None:
        self.open: list[int] = []

    def process(self, context: StepContext) -> Any:
        self.open = self.open or [1]
        return super().process(context)

    def close(self) -> None:
        self.open.pop()


class TestClosesOnce(TestSound):
    made = ClosesOnce


class TestSaysNothing(StepHandlerContract):
    """An author who has overridden nothing."""
