"""Workflow definitions: sound ones survive their document form, unsound ones name the place."""

from __future__ import annotations

import pytest

from ratchet_core.domain.workflow import (
    CustomEvent,
    StepDefinition,
    WorkflowDefinition,
    from_document,
    single_step,
)
from ratchet_core.errors import DefinitionError


def workflow(**edges: list[str]) -> WorkflowDefinition:
    steps = tuple(
        StepDefinition(name=name, handler="h", depends_on=tuple(parents))
        for name, parents in edges.items()
    )
    return WorkflowDefinition(name="w", steps=steps)


def test_a_definition_survives_its_document_form() -> None:
    step = {"custom_events": (CustomEvent(name="a.b", description="c"),), "timeout_s": 2.5}
    made = single_step("w", "javascript", files={"main.js": "1"}, step=step)

    assert from_document(made.to_document()) == made


def test_a_cycle_is_named_step_by_step() -> None:
    with pytest.raises(DefinitionError, match=r"(?=.*a)(?=.*b)(?=.*c).* -> .* -> .* -> "):
        workflow(a=["c"], b=["a"], c=["b"], d=[]).checked()


def test_a_step_that_depends_on_itself_is_a_cycle() -> None:
    with pytest.raises(DefinitionError, match="a -> a"):
        workflow(a=["a"]).checked()


def test_a_missing_parent_is_named_with_its_place() -> None:
    with pytest.raises(DefinitionError, match="'b', which does not exist") as caught:
        workflow(a=["b"]).checked()
    assert caught.value.place == "step_templates[0].depends_on_step"


def test_a_step_name_used_twice_is_refused() -> None:
    twice = (StepDefinition(name="a", handler="h"), StepDefinition(name="a", handler="h"))
    with pytest.raises(DefinitionError, match="'a' is used twice"):
        WorkflowDefinition(name="w", steps=twice).checked()


@pytest.mark.parametrize("name", ["", "a b", "a\x00", "ä", "-", "x" * 129, "../etc"])
def test_a_name_of_other_characters_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="not a valid name"):
        single_step("w", "h", step={}).__class__(
            name=name, steps=(StepDefinition(name="a", handler="h"),)
        ).checked()


def test_the_execution_order_keeps_the_definition_order_where_edges_allow() -> None:
    made = workflow(d=["b", "c"], a=[], b=["a"], c=["a"])

    assert made.order == ["a", "b", "c", "d"]
    assert made.leaves == ["d"]
    assert made.result_step == "d"


def test_several_leaves_have_no_single_result_step() -> None:
    assert workflow(a=[], b=[]).result_step is None
