"""Test cases in all their spellings."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ratchet_core.registry.found import Assertion, ExpectedError, HttpMock, TestCase
from tests.unit.registry.conftest import Load


def case(load: Load, **keys: Any) -> TestCase:
    files: dict[str, str | bytes] = {"t/main.js": "x", "t/tests/one.json": orjson.dumps(keys)}
    loaded = load(files)
    assert [problem.message for problem in loaded.problems] == []
    return loaded.definitions[0].test_cases[0]


def test_input_and_expected_output_are_read(load: Load) -> None:
    found = case(load, input={"a": 1}, expected_output=None)

    assert (found.name, found.input, found.expected_output) == ("one", {"a": 1}, None)
    assert found.has_expected_output
    assert found.skip_reason is None


def test_expected_is_another_word_for_expected_output(load: Load) -> None:
    assert case(load, input=1, expected=2).expected_output == 2


def test_a_case_that_checks_nothing_says_so(load: Load) -> None:
    assert case(load, input=1).skip_reason is not None


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("DataError", ExpectedError(type="DataError")),
        ("DataError: no city", ExpectedError(type="DataError", message="no city")),
        ("no city", ExpectedError(message="no city")),
        ({"type": "DataError"}, ExpectedError(type="DataError")),
        ({"type": "A", "message": "b"}, ExpectedError(type="A", message="b")),
    ],
)
def test_an_expected_error_has_a_type_a_message_or_both(
    load: Load, written: Any, error: ExpectedError
) -> None:
    found = case(load, input=1, expected_error=written)

    assert found.expected_error == error
    assert found.should_fail


@pytest.mark.parametrize(
    ("response", "mock"),
    [
        ({"temp": 5}, {"body": {"temp": 5}}),
        ("plain", {"body": "plain"}),
        ({"status": 404, "body": "x"}, {"status": 404, "status_text": "Not Found", "body": "x"}),
        (
            {"ok": False, "body": 1},
            {"status": 500, "status_text": "Internal Server Error", "body": 1},
        ),
        (
            {"ok": True, "status": 201, "statusText": "Made", "headers": {"X-A": "b"}, "body": {}},
            {"status": 201, "status_text": "Made", "headers": {"x-a": "b"}, "body": {}},
        ),
    ],
)
def test_a_mocked_response_is_a_whole_one_or_a_body(
    load: Load, response: Any, mock: dict[str, Any]
) -> None:
    http = {"url": "https://e.example/", "method": "post", "response": response}

    found = case(load, input=1, mock={"http": http})

    assert found.mocks == (HttpMock(url="https://e.example/", method="POST", **mock),)


def test_several_mocks_may_stand_in_a_list(load: Load) -> None:
    http = [{"url": "a", "response": 1}, {"url": "b", "response": 2}]

    found = case(load, input=1, mock={"http": http}, mock_http={"url": "c", "response": 3})

    assert [mock.body for mock in found.mocks] == [1, 2, 3]


def test_assertions_are_read(load: Load) -> None:
    found = case(
        load, input=1, assertions=[{"path": "a[0].b", "operator": "contains", "expected": 1}]
    )

    assert found.assertions == (Assertion(path="a[0].b", operator="contains", expected=1),)


@pytest.mark.parametrize(
    ("text", "line", "place", "words"),
    [
        ("{", 1, None, "not valid JSON"),
        ('{\n"inptu": 1}', 2, "inptu", "did you mean 'input'?"),
        ('{"assertions": [{"operator": "equal"}]}', 1, "assertions[0].operator", "'equals'"),
        ('{"mock": {"http": {"response": 1}}}', 1, "mock.http", "'url' is missing"),
        ('{"mock": {"http": [5]}}', 1, "mock.http[0]", "expected a mapping"),
        (
            '{"mock": {"http": {"url": "a", "response": {"status": 9}}}}',
            1,
            "mock.http.response.status",
            "between",
        ),
        ('{"should_fail": "yes"}', 1, "should_fail", "true or false"),
    ],
)
def test_a_broken_case_is_a_problem_and_the_task_loads(
    load: Load, text: str, line: int, place: str | None, words: str
) -> None:
    files = {
        "t/main.js": "x",
        "t/tests/1.json": text,
        "t/tests/2.json": '{"input": 1, "expected_output": 1}',
    }

    loaded = load(files)

    (problem,) = loaded.problems
    assert problem.file.endswith("t/tests/1.json")
    assert (problem.line, problem.place) == (line, place)
    assert words in problem.reason
    assert [case.name for case in loaded.definitions[0].test_cases] == ["2"]
