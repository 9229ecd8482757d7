"""How a test case is judged: differences and assertions."""

from __future__ import annotations

from typing import Any

import pytest

from ratchet_core.cli.testing.assertion import failure_of, value_at
from ratchet_core.cli.testing.difference import differences, is_equal
from ratchet_core.registry.case import OPERATORS
from ratchet_core.registry.found import Assertion

RESULT: dict[str, Any] = {
    "name": "Ada",
    "tags": ["a", {"b": 1}],
    "count": 3,
    "nothing": None,
    "nested": {"list": [10, 20]},
}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, None, True),
        ("1", 1, False),
        ({"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2}]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [1], False),
    ],
)
def test_values_are_equal_as_json(one: object, other: object, equal: bool) -> None:
    assert is_equal(one, other) is equal


def test_each_difference_is_a_line_with_its_place() -> None:
    expected = {"a": 1, "b": {"c": [1, 2]}, "gone": True}
    actual = {"a": 2, "b": {"c": [1, 3, 4]}, "new": "x"}

    lines = list(differences(expected, actual))

    assert lines == [
        "a: expected 1, got 2",
        "b.c[1]: expected 2, got 3",
        "b.c: expected 2 items, got 3",
        "gone: expected true, got nothing",
        'new: unexpected "x"',
    ]


def test_equal_values_have_no_difference() -> None:
    assert list(differences(RESULT, RESULT)) == []


def test_a_value_is_found_by_its_path() -> None:
    assert value_at(RESULT, "nested.list[1]") == 20
    assert value_at(RESULT, "tags[1].b") == 1
    assert value_at(RESULT, "$.name") == "Ada"
    assert value_at(RESULT, "") is RESULT


HOLDING = [
    ("name", "equals", "Ada"),
    ("name", "not_equals", "Bob"),
    ("name", "contains", "d"),
    ("tags", "contains", {"b": 1}),
    ("nested", "contains", "list"),
    ("name", "not_contains", "x"),
    ("nothing", "exists", None),
    ("absent.deep", "not_exists", None),
    ("count", "greater_than", 2),
    ("count", "less_than", 3.5),
    ("name", "matches", "^A.a$"),
]
BROKEN = [
    ("name", "equals", "Bob"),
    ("name", "not_equals", "Ada"),
    ("count", "contains", 3),
    ("name", "not_contains", "A"),
    ("absent", "exists", None),
    ("name", "not_exists", None),
    ("name", "greater_than", 2),
    ("count", "less_than", 3),
    ("count", "matches", "3"),
]


@pytest.mark.parametrize(("path", "operator", "expected"), HOLDING)
def test_an_assertion_that_holds_says_nothing(path: str, operator: str, expected: object) -> None:
    assertion = Assertion(path=path, operator=operator, expected=expected)

    assert failure_of(assertion, RESULT) is None


@pytest.mark.parametrize(("path", "operator", "expected"), BROKEN)
def test_an_assertion_that_does_not_hold_says_what_it_got(
    path: str, operator: str, expected: object
) -> None:
    assertion = Assertion(path=path, operator=operator, expected=expected)

    failure = failure_of(assertion, RESULT)

    assert failure is not None
    assert failure.startswith(f"{path} {operator}")


def test_every_operator_of_the_format_is_judged_both_ways() -> None:
    assert {operator for _, operator, _ in HOLDING} == set(OPERATORS)
    assert {operator for _, operator, _ in BROKEN} == set(OPERATORS)
