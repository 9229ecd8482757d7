"""Tests of queries and mutations: the seed's shapes, arguments, literals, errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ratchet_core.api.graphql.schema import reference

Ask = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[4]


def code_of(body: dict[str, Any]) -> str:
    code: str = body["errors"][0]["extensions"]["code"]
    return code


def test_the_committed_schema_is_what_the_code_says() -> None:
    committed = (ROOT / "docs" / "reference" / "schema.graphql").read_text(encoding="utf-8")

    assert committed == reference(), (
        "run: python -m ratchet_core.api.graphql.schema docs/reference/schema.graphql"
    )


def test_a_literal_object_arrives_as_it_is_written(ask: Ask) -> None:
    body = ask(
        """mutation { executeTask(taskId: "echo", input: {
            text: "a", whole: 3, float: 1.5, yes: true, no: false, none: null, word: METRIC,
            list: [1, null, [{deep: "x"}]], object: {a: {b: []}}
        }) { job { input } } }"""
    )

    assert body["data"]["executeTask"]["job"]["input"] == {
        "text": "a",
        "whole": 3,
        "float": 1.5,
        "yes": True,
        "no": False,
        "none": None,
        "word": "METRIC",
        "list": [1, None, [{"deep": "x"}]],
        "object": {"a": {"b": []}},
    }


@pytest.mark.parametrize("value", [{"a": [1, {"b": None}]}, [1, 2], "text", 1.5, False, None])
def test_a_variable_arrives_as_it_is(ask: Ask, value: Any) -> None:
    body = ask(
        'mutation($v: JSON) { executeTask(taskId: "echo", input: $v) { job { input } } }', v=value
    )

    assert body["data"]["executeTask"]["job"]["input"] == value


def test_a_variable_inside_a_literal_is_filled_in(ask: Ask) -> None:
    body = ask(
        "mutation($v: JSON) "
        '{ executeTask(taskId: "echo", input: {outer: [$v]}) { job { input } } }',
        v={"inner": 1},
    )

    assert body["data"]["executeTask"]["job"]["input"] == {"outer": [{"inner": 1}]}


def test_without_an_input_it_is_an_empty_object(ask: Ask) -> None:
    body = ask('mutation { executeTask(taskId: "echo") { job { input } created } }')

    assert body["data"]["executeTask"] == {"job": {"input": {}}, "created": True}


@pytest.mark.parametrize("literal", ["123456789012345678901234567890", "1e999"])
def test_a_number_that_json_cannot_carry_is_refused(ask: Ask, literal: str) -> None:
    body = ask(f'mutation {{ executeTask(taskId: "echo", input: {{n: {literal}}}) {{ created }} }}')

    assert code_of(body) == "GRAPHQL_VALIDATION_FAILED"
    assert "send it as text" in body["errors"][0]["message"]


def test_version_and_priority_and_key_are_honoured(ask: Ask) -> None:
    query = """mutation($key: String) { executeTask(
        taskId: "weather-api", version: "1.9.0", priority: high, idempotencyKey: $key,
        input: {city: "Paris"}, metadata: {asked_by: "me"}
    ) { created job { id version priority metadata } } }"""

    first = ask(query, key="graphql-key")["data"]["executeTask"]
    second = ask(query, key="graphql-key")["data"]["executeTask"]

    assert first["created"] is True
    assert second["created"] is False
    assert first["job"]["id"] == second["job"]["id"]
    assert first["job"]["version"] == "1.9.0"
    assert first["job"]["priority"] == 10
    assert first["job"]["metadata"] == {"asked_by": "me"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('mutation { executeTask(taskId: "absent") { created } }', "TASK_NOT_FOUND"),
        ('mutation { executeTask(taskId: "weather-api") { created } }', "VALIDATION_FAILED"),
        (
            'mutation { executeTask(taskId: "echo@1.0.0", version: "2.0.0") { created } }',
            "VALIDATION_FAILED",
        ),
        ('mutation { executeTask(taskId: "echo", priority: "big") { created } }', "BAD_REQUEST"),
        ('{ task(id: "absent") { id } }', "TASK_NOT_FOUND"),
        ('{ job(id: "absent") { id } }', "JOB_NOT_FOUND"),
        ('{ execution(id: "absent") { id } }', "EXECUTION_NOT_FOUND"),
        ("{ tasks(limit: 1001) { total } }", "BAD_REQUEST"),
        ("{ tasks(offset: -1) { total } }", "BAD_REQUEST"),
        ('{ jobs(status: "odd") { total } }', "BAD_REQUEST"),
        ('{ jobs(createdAtGte: "odd") { total } }', "BAD_REQUEST"),
        ('{ jobs(cursor: "odd") { total } }', "BAD_REQUEST"),
        ("{ odd }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ tasks", "GRAPHQL_PARSE_FAILED"),
        ("query A { handlers } query B { handlers }", "OPERATION_RESOLUTION_FAILURE"),
        ("query($n: Int!) { tasks(limit: $n) { total } }", "BAD_USER_INPUT"),
    ],
)
def test_what_is_wrong_is_told_with_a_stable_code(ask: Ask, query: str, code: str) -> None:
    body = ask(query)

    assert code_of(body) == code
    assert not any("Traceback" in str(error) for error in body["errors"])


def test_an_argument_is_named_as_the_client_knows_it(ask: Ask) -> None:
    body = ask('{ jobs(createdAtGte: "odd") { total } }')

    assert list(body["errors"][0]["extensions"]["details"]) == ["createdAtGte"]


def test_one_field_that_fails_leaves_the_others(ask: Ask) -> None:
    body = ask('{ gone: task(id: "absent") { id } there: task(id: "echo") { id } }')

    assert body["data"] == {"gone": None, "there": {"id": "echo"}}
    assert body["errors"][0]["path"] == ["gone"]


def test_a_failure_of_ours_is_told_without_its_cause(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, ratchet: Any
) -> None:
    def fail() -> None:
        message = "the password is hunter2"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(type(ratchet.handlers), "names", lambda self: fail())

    body = ask("{ handlers }")

    assert code_of(body) == "INTERNAL_ERROR"
    assert "hunter2" not in str(body)


def test_the_operation_of_that_name_is_executed(client: FlaskClient) -> None:
    sent = {"query": "query A { a: handlers } query B { b: handlers }", "operationName": "B"}

    body = client.post("/graphql", json=sent).get_json()

    assert list(body["data"]) == ["b"]


def test_a_job_is_cancelled_and_retried(ask: Ask) -> None:
    job = ask('mutation { executeTask(taskId: "echo") { job { id } } }')["data"]["executeTask"]
    key = job["job"]["id"]

    cancelled = ask("mutation($id: ID!) { cancelJob(jobId: $id) { job { status } } }", id=key)
    again = ask("mutation($id: ID!) { cancelJob(jobId: $id) { job { status } } }", id=key)
    retried = ask("mutation($id: ID!) { retryJob(jobId: $id) { job { status } } }", id=key)
    conflict = ask("mutation($id: ID!) { retryJob(jobId: $id) { job { status } } }", id=key)

    assert cancelled["data"]["cancelJob"]["job"]["status"] == "cancelled"
    assert again["data"]["cancelJob"]["job"]["status"] == "cancelled"
    assert retried["data"]["retryJob"]["job"]["status"] == "pending"
    assert code_of(conflict) in {"CONFLICT", "ILLEGAL_TRANSITION"}


def test_an_operator_settles_a_job_and_a_step(ask: Ask) -> None:
    made = ask('mutation { executeTask(taskId: "echo") { job { id steps { name } } } }')["data"]
    job = made["executeTask"]["job"]
    settle = """mutation($id: ID!, $reason: String) {
      resolveJob(jobId: $id, reason: $reason) { job { status resolved_by } } }"""
    settle_step = """mutation($id: ID!, $step: String!) {
      resolveStep(jobId: $id, step: $step) { job { id } } }"""

    early = ask(settle, id=job["id"])
    absent = ask(settle_step, id=job["id"], step="absent")
    ask("mutation($id: ID!) { cancelJob(jobId: $id) { job { status } } }", id=job["id"])
    long = ask(settle, id=job["id"], reason="x" * 1001)
    settled = ask(settle, id=job["id"], reason="done on paper")

    assert code_of(early) in {"CONFLICT", "ILLEGAL_TRANSITION"}
    assert code_of(absent) == "STEP_NOT_FOUND"
    assert code_of(long) == "BAD_REQUEST"
    assert settled["data"]["resolveJob"]["job"] == {
        "status": "completed",
        "resolved_by": "anonymous",
    }


def test_a_task_is_disabled_and_enabled(ask: Ask) -> None:
    off = ask('mutation { disableTask(taskId: "shop.diamond") { task { id enabled } } }')
    refused = ask(
        'mutation { executeTask(taskId: "shop.diamond", input: {city: "x"}) { created } }'
    )
    on = ask('mutation { enableTask(taskId: "shop.diamond") { task { enabled } } }')

    assert off["data"]["disableTask"]["task"] == {"id": "shop.diamond", "enabled": False}
    assert code_of(refused) == "TASK_DISABLED"
    assert on["data"]["enableTask"]["task"]["enabled"] is True


def test_lists_are_filtered_and_sorted(ask: Ask) -> None:
    body = ask(
        """{
          named: tasks(nameLike: "WEATHER", sort: "name", order: "asc") { total items { id } }
          spaced: tasks(namespace: "shop") { items { id steps { name depends_on } } }
          nothing: jobs(taskId: "absent") { total items { id } }
        }"""
    )

    assert body["data"]["named"] == {"total": 1, "items": [{"id": "weather-api"}]}
    assert body["data"]["spaced"]["items"][0]["steps"][3] == {
        "name": "end",
        "depends_on": ["left", "right"],
    }
    assert body["data"]["nothing"] == {"total": 0, "items": []}


def test_namespaces_handlers_and_plugins_are_listed(ask: Ask) -> None:
    body = ask("{ namespaces { name description tasks } handlers plugins { name state } }")

    shop = next(item for item in body["data"]["namespaces"] if item["name"] == "shop")
    assert shop == {"name": "shop", "description": "Things for sale", "tasks": ["diamond"]}
    assert isinstance(body["data"]["handlers"], list)
    assert all(plugin["state"] for plugin in body["data"]["plugins"])


def test_text_that_is_no_valid_unicode_is_mended(ask: Ask) -> None:
    body = ask('mutation { executeTask(taskId: "echo", input: "\\ud800") { job { input } } }')

    assert "errors" in body or body["data"]["executeTask"]["job"]["input"] == "?"
