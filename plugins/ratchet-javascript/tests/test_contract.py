"""The promises of every step handler, kept by this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ratchet_core.sdk import StepHandler
from ratchet_core.testing import StepExample, StepHandlerContract
from ratchet_javascript import JavaScriptHandler

SECRET = "hunter22-of-the-webhook"


def script(body: str, **fields: Any) -> StepExample:
    """Return a step that runs the body of a function."""
    source = f"(function (input, context) {{ {body} }})"
    return StepExample(config={"script": "main.js"}, files={"main.js": source}, **fields)


class TestJavaScript(StepHandlerContract):
    heeds_cancel = True

    @pytest.fixture
    def handler(self) -> Iterator[StepHandler]:
        handler = JavaScriptHandler()
        yield handler
        handler.close()

    @pytest.fixture
    def good_step(self) -> StepExample:
        body = "console.log('at work'); input.n += 1; return input;"
        return script(body, input={"n": 41}, secrets={"webhook_secret": SECRET})

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"script": "absent.js"}, {"script": 7}]

    @pytest.fixture
    def permanent_steps(self) -> Sequence[StepExample]:
        bodies = ["throw new ValidationError('no')", "nothing.at.all", "throw new DataError('no')"]
        return [script(body) for body in bodies]

    @pytest.fixture
    def retryable_steps(self) -> Sequence[StepExample]:
        bodies = ["throw new NetworkError('away')", "throw new RateLimitError('slow', 5)"]
        return [script(body) for body in bodies]

    @pytest.fixture
    def long_step(self) -> StepExample:
        return script("while (true) {}", timeout_s=0.5)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]
