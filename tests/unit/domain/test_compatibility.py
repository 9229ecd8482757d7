"""Two versions of a workflow: what changed, and the version number that it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from ratchet_core.domain.compatibility import Weight, compare
from ratchet_core.domain.workflow import CustomEvent, StepDefinition, WorkflowDefinition

FIRST = StepDefinition(name="first", handler="one")
SECOND = StepDefinition(name="second", handler="two", depends_on=("first",))


def workflow(version: str = "1.0.0", **fields: Any) -> WorkflowDefinition:
    return WorkflowDefinition(name="w", version=version, **{"steps": (FIRST, SECOND)} | fields)


def step(**fields: Any) -> StepDefinition:
    return StepDefinition(**{"name": "first", "handler": "one"} | fields)


EVENT = CustomEvent(name="a.b")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("old", "new", "weight", "place"),
    [
        ({}, {}, Weight.NONE, None),
        ({}, {"description": "d"}, Weight.PATCH, "description"),
        ({}, {"input_schema": {"required": ["a"]}}, Weight.MAJOR, "input.a"),
        ({"input_schema": {"required": ["a"]}}, {}, Weight.MINOR, "input"),
        ({"input_schema": {}}, {"input_schema": {"title": "t"}}, Weight.PATCH, "input"),
        (
            {"output_schema": SCHEMA},
            {"output_schema": {"type": "object"}},
            Weight.MAJOR,
            "output.a",
        ),
        ({"output_schema": {"type": "object"}}, {"output_schema": SCHEMA}, Weight.MINOR, "output"),
        ({"output_schema": {"required": ["a"]}}, {}, Weight.MAJOR, "output.a"),
        ({"steps": (FIRST, SECOND)}, {"steps": (FIRST,)}, Weight.MAJOR, "steps.second"),
        ({"steps": (FIRST,)}, {"steps": (FIRST, SECOND)}, Weight.MINOR, "output_step"),
        (
            {"steps": (FIRST,), "output_step": "first"},
            {"steps": (FIRST, SECOND), "output_step": "first"},
            Weight.MINOR,
            "steps.second",
        ),
        ({}, {"output_step": "first"}, Weight.MINOR, "output_step"),
        ({"output_step": "first"}, {"output_step": "second"}, Weight.MAJOR, "output_step"),
        (
            {"steps": (step(custom_events=(EVENT,)),)},
            {"steps": (FIRST,)},
            Weight.MAJOR,
            "steps.first",
        ),
        ({"steps": (step(skippable=True),)}, {"steps": (FIRST,)}, Weight.MAJOR, "steps.first"),
        (
            {"steps": (FIRST,)},
            {"steps": (step(handler="other"),)},
            Weight.PATCH,
            "steps.first.handler",
        ),
        ({"uuid": "u"}, {"uuid": "v"}, Weight.MAJOR, "uuid"),
    ],
)
def test_each_change_has_its_weight_and_place(
    old: dict[str, Any], new: dict[str, Any], weight: Weight, place: str | None
) -> None:
    comparison = compare(workflow(**old), workflow("1.0.1", **new))

    assert comparison.asked is weight
    assert [change.place for change in comparison.changes][:1] == ([place] if place else [])


@pytest.mark.parametrize(
    ("old", "new", "is_compatible"),
    [
        ("1.0.0", "2.0.0", True),
        ("1.0.0", "1.1.0", False),
        ("1.9.0", "1.10.0", False),
        ("0.1.0", "0.2.0", True),  # before 1.0.0 the second number is the first
        ("0.1.0", "0.1.1", False),
        ("2.0.0-rc.1", "2.0.0", True),
        ("1.0.0", "1.0.0", False),
        ("2.0.0", "1.0.0", False),
    ],
)
def test_a_change_that_breaks_asks_for_the_first_number(
    old: str, new: str, *, is_compatible: bool
) -> None:
    comparison = compare(workflow(old), workflow(new, steps=(FIRST,)))

    assert comparison.is_compatible is is_compatible
