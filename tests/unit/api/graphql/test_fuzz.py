"""Tests that whatever a client sends has an answer of ours, and soon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from graphql import parse_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

SCHEMA = Path(__file__).parents[4] / "docs" / "reference" / "schema.graphql"
TEXT = SCHEMA.read_text(encoding="utf-8")
_LITERALS = st.sampled_from(['"odd"', "7", '"low"', '"2026-01-31T09:30:00Z"', "{a: [1, null]}"])
SCALARS = {name: _LITERALS.map(parse_value) for name in ("JSON", "DateTime", "Priority")}
WORDS = [
    *(
        "query",
        "mutation",
        "subscription",
        "fragment",
        "on",
        "F",
        "...F",
        "...",
        "{",
        "}",
        "(",
        ")",
    ),
    *("[", "]", ":", "$", "$v", "!", "=", "@include(if: true)", "@skip(if: $v)", "@defer", "null"),
    *(
        "tasks",
        "items",
        "id",
        "jobs",
        "job",
        "executeTask",
        "taskId",
        "limit",
        "__schema",
        "__type",
    ),
    *(
        "runEvents",
        "1",
        "-1",
        "1e999",
        '"a"',
        '"""b"""',
        "true",
        "Query",
        "Int",
        "alias:",
        "\ufeff",
    ),
]
EXAMPLES = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def fuzzed(shared_app: Flask) -> FlaskClient:
    """Give one client to all examples."""
    return shared_app.test_client()


def codes_of(client: FlaskClient, body: Any) -> list[str]:
    answer = client.post("/graphql", json=body)
    assert answer.status_code in {200, 400}, answer.text
    told = answer.get_json()
    assert set(told) <= {"data", "errors"}
    assert "Traceback" not in answer.text
    return [error["extensions"]["code"] for error in told.get("errors", ())]


@EXAMPLES
@given(words=st.lists(st.sampled_from(WORDS), max_size=30))
def test_any_words_are_answered(fuzzed: FlaskClient, words: list[str]) -> None:
    assert "INTERNAL_ERROR" not in codes_of(fuzzed, {"query": " ".join(words)})


@EXAMPLES
@given(query=from_schema(TEXT, custom_scalars=SCALARS))
def test_whatever_the_schema_allows_is_answered(fuzzed: FlaskClient, query: str) -> None:
    if query.lstrip().startswith("subscription"):
        return
    assert "INTERNAL_ERROR" not in codes_of(fuzzed, {"query": query})


@EXAMPLES
@given(
    body=st.dictionaries(
        st.sampled_from(["query", "variables", "operationName", "extensions", "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_body_is_answered(fuzzed: FlaskClient, body: dict[str, Any]) -> None:
    assert "INTERNAL_ERROR" not in codes_of(fuzzed, body)


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "handlers " * 3900 + "}",
        "{ " + "tasks{items{id}} " * 440 + "}",
        "{ handlers } fragment F on Query { " + "handlers " * 3900 + "}",
        "{ tasks { items { " + "executions { items { id } } " * 400 + "} } }",
        "{ " + "...F " * 1900 + "} fragment F on Query { handlers }",
    ],
)
def test_a_text_of_many_repetitions_keeps_nobody_busy(fuzzed: FlaskClient, query: str) -> None:
    began = time.process_time()

    codes = codes_of(fuzzed, {"query": query})

    assert codes == ["QUERY_TOO_COMPLEX"]
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text", ["{a" * 900, "[" * 900, "{tasks(name:" + "[" * 900, "query($a:[[["]
)
def test_deep_texts_are_refused(fuzzed: FlaskClient, text: str) -> None:
    assert codes_of(fuzzed, {"query": text}) == ["GRAPHQL_PARSE_FAILED"]
