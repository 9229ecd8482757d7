"""Checks of options that plugins share: what they refuse, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ratchet_core.sdk import option_check

CHECKS: Mapping[str, option_check.Check] = {
    "type": option_check.anything,
    "queue": option_check.text,
    "durable": option_check.boolean,
    "start": option_check.choice("first", "last"),
    "batch": option_check.integer(1, 1000),
    "wait_seconds": option_check.number(0.5, 60),
    "headers": lambda value: None if value == {} else ".x: must be a text",
}


def found(**options: Any) -> list[str]:
    return option_check.problems(options, CHECKS)


def test_good_options_have_no_problem() -> None:
    good = {"type": [1], "queue": "q", "durable": False, "start": "last", "batch": 1000}

    assert found(**good, wait_seconds=0.5, headers={}) == []


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("queue", " ", "queue: must be a text"),
        ("queue", 7, "queue: must be a text"),
        ("durable", 1, "durable: must be true or false"),
        ("start", "middle", "start: must be one of first, last"),
        ("start", ["first"], "start: must be one of first, last"),
        ("batch", 0, "batch: must be an integer from 1 to 1000"),
        ("batch", True, "batch: must be an integer from 1 to 1000"),
        ("batch", 2.0, "batch: must be an integer from 1 to 1000"),
        ("wait_seconds", 61, "wait_seconds: must be a number from 0.5 to 60"),
        ("wait_seconds", float("nan"), "wait_seconds: must be a number from 0.5 to 60"),
        ("wait_seconds", True, "wait_seconds: must be a number from 0.5 to 60"),
        ("headers", {"x": 1}, "headers.x: must be a text"),
        ("quueue", "q", "quueue: unknown key; did you mean 'queue'?"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(key: str, value: Any, problem: str) -> None:
    assert found(**{key: value}) == [problem]


def test_a_key_like_no_other_is_told_which_there_are() -> None:
    [problem] = found(x=1)

    assert problem == f"x: unknown key; there are {', '.join(CHECKS)}"


def test_required_keys_have_to_be_there_and_not_null() -> None:
    options = {"queue": None}

    assert option_check.problems(options, {"queue": option_check.anything}, ("queue", "url")) == [
        "queue: is missing",
        "url: is missing",
    ]


def test_no_check_shows_the_value_that_it_refuses() -> None:
    values = {key: "hunter2hunter2" for key in CHECKS if key not in {"type", "queue"}}

    assert "hunter2" not in " ".join(found(**values))
