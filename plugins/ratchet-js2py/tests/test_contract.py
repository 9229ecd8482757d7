"""The promises of every step handler, kept by this one where js2py can run: on Python 3.11."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ratchet_core.sdk import StepHandler
from ratchet_core.testing import StepExample, StepHandlerContract
from ratchet_js2py import Js2pyHandler
from ratchet_js2py.handler import engine_problem

SECRET = "hunter22-of-the-webhook"


def script(body: str, **fields: Any) -> StepExample:
    """Return a step that runs the body of a function."""
    source = f"(function (input) {{ {body} }})"
    return StepExample(config={"script": "main.js"}, files={"main.js": source}, **fields)


@pytest.mark.skipif(engine_problem() is not None, reason=engine_problem() or "js2py can run")
class TestJs2py(StepHandlerContract):
    heeds_cancel = True

    @pytest.fixture
    def handler(self) -> Iterator[StepHandler]:
        handler = Js2pyHandler(allow_unsafe=True)
        yield handler
        handler.close()

    @pytest.fixture
    def good_step(self) -> StepExample:
        body = "input.n += 1; return input;"
        return script(body, input={"n": 41}, secrets={"webhook_secret": SECRET})

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"script": "absent.js"}, {"script": 7}]

    @pytest.fixture
    def permanent_steps(self) -> Sequence[StepExample]:
        return [script("nothing.at.all"), script("return {;")]

    @pytest.fixture
    def long_step(self) -> StepExample:
        return script("while (true) {}", timeout_s=5.0)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]
