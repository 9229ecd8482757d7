"""Tests of the plugin: what every step handler promises, and what this one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import ratchet_words
from ratchet_core.testing import Harness, StepExample, StepHandlerContract
from ratchet_words import WordsHandler

WORKFLOW = """
name: count_words
step_templates:
  - name: count
    handler_class: words
    handler_config: {field: text}
"""


class TestWordsHandler(StepHandlerContract):
    """The promises of `ratchet_core.sdk.StepHandler`; the examples are ours."""

    @pytest.fixture
    def handler(self) -> WordsHandler:
        return WordsHandler()

    @pytest.fixture
    def good_step(self) -> StepExample:
        return StepExample(input={"text": "one two  three"}, config={"field": "text"})

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"field": 7}]

    @pytest.fixture
    def permanent_steps(self) -> Sequence[StepExample]:
        return [StepExample(input=value, config={"field": "text"}) for value in ({}, {"text": 1})]


@pytest.fixture
def ratchet_options() -> Mapping[str, Any]:
    """Give what the fixture `ratchet` is made with: this plugin, its settings, a workflow."""
    settings = {"plugins": {"settings": {"words": {"longest": 20}}}}
    return {
        "plugins": {"words": ratchet_words},
        "definitions": WORKFLOW,
        "settings": settings,
    }


def test_a_workflow_counts_words(ratchet: Harness) -> None:
    run = ratchet.run("count_words", {"text": "one two  three"})

    assert run.status == "completed"
    assert run.result == {"words": 3}


def test_a_text_above_the_setting_fails_for_good(ratchet: Harness) -> None:
    run = ratchet.run("count_words", {"text": "x" * 21})

    assert run.status == "failed"
    assert run.error is not None
    assert run.error.code == "NO_TEXT"
    assert len(run.attempts) == 1
