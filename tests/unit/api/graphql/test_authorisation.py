"""Tests that every field asks for its permission, however a query spells it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from graphql import GraphQLObjectType, GraphQLScalarType, get_named_type

from ratchet_core.api.graphql.schema import make_schema
from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.domain.workflow import single_step
from ratchet_core.runtime import Ratchet

SECRET = "canary-jwt-secret-0123456789-0123456789"
AskAs = Callable[..., dict[str, Any]]

WRITES = [
    'mutation { executeTask(taskId: "echo") { job { id } } }',
    'mutation { alias: executeTask(taskId: "echo") { job { id } } }',
    'mutation { ...F } fragment F on Mutation { executeTask(taskId: "echo") { job { id } } }',
    'mutation { ... on Mutation { executeTask(taskId: "echo") { job { id } } } }',
    '# query { handlers }\nmutation query { executeTask(taskId: "echo") { job { id } } }',
    'mutation { disableTask(taskId: "echo") { task { id } } }',
    'mutation { deleteTask(taskId: "echo") { task_id } }',
    'mutation { createSchedule(taskId: "echo", cronExpression: "@daily") { schedule { id } } }',
    'mutation { triggerSchedule(id: "01980000-0000-7000-8000-000000000000") { job { id } } }',
    'mutation { resolveJob(jobId: "01980000-0000-7000-8000-000000000000") { job { id } } }',
    'mutation { deleteSchedule(id: "01980000-0000-7000-8000-000000000000") { id } }',
]


def token(*roles: str, **claims: Any) -> dict[str, str]:
    body = {"sub": "alice", "exp": int(time.time()) + 7 * 86_400, "roles": list(roles), **claims}
    return {"Authorization": f"Bearer {jwt.encode(body, SECRET, 'HS256')}"}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ratchet]:
    """Give a runtime that asks who calls."""
    folder: Path = tmp_path_factory.mktemp("closed")
    variables = {"RATCHET_DATA_DIR": str(folder), "RATCHET_JWT_SECRET": SECRET}
    runtime = Ratchet(load_settings(None, variables).settings)
    runtime.prepare_database()
    definitions = [
        single_step("echo", "javascript"),
        single_step("order", "javascript", namespace="shop"),
    ]
    runtime.engine.sync_definitions(definitions, {}, on_change="replace")
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def closed_app(closed: Ratchet) -> Flask:
    return create_app(closed)


@pytest.fixture
def closed_client(closed_app: Flask) -> FlaskClient:
    return closed_app.test_client()


@pytest.fixture
def ask_as(closed_client: FlaskClient) -> AskAs:
    """Give a function that sends an operation with some roles."""

    def send(query: str, *roles: str, **claims: Any) -> dict[str, Any]:
        answer = closed_client.post(
            "/graphql", json={"query": query}, headers=token(*roles, **claims)
        )
        assert answer.status_code == 200
        body: dict[str, Any] = answer.get_json()
        return body

    return send


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", ())]


def test_nobody_unknown_gets_anything(closed_client: FlaskClient) -> None:
    answer = closed_client.post("/graphql", json={"query": "{ handlers }"})
    stream = closed_client.get("/graphql?query={handlers}", headers={"Accept": "text/event-stream"})

    assert answer.status_code == stream.status_code == 401
    assert codes(answer.get_json()) == ["AUTHENTICATION_FAILED"]


@pytest.mark.parametrize("query", WRITES)
def test_who_may_only_read_changes_nothing(ask_as: AskAs, query: str) -> None:
    body = ask_as(query, "viewer")

    assert codes(body) == ["AUTHORIZATION_FAILED"]
    assert list(body["data"].values()) == [None]


def _smallest(kind: Any) -> str:
    """Return the shortest selection that a type allows."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType):
        return ""
    for name, field in named.fields.items():
        if isinstance(get_named_type(field.type), GraphQLScalarType):
            return f"{{ {name} }}"
    name, field = next(iter(named.fields.items()))
    return f"{{ {name} {_smallest(field.type)} }}"


def _root_fields(kind: GraphQLObjectType | None) -> Iterator[str]:
    """Yield each root field with what it needs."""
    assert kind is not None
    for name, field in kind.fields.items():
        needed = [
            f"{key}: {'[]' if '[' in str(argument.type) else json.dumps('01980000-0000')}"
            for key, argument in field.args.items()
            if str(argument.type).endswith("!")
        ]
        given = f"({', '.join(needed)})" if needed else ""
        yield f"{name}{given} {_smallest(field.type)}"


def test_every_root_field_is_refused_to_who_may_nothing(ask_as: AskAs) -> None:
    schema = make_schema()
    asked = 0
    for word, kind in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        for field in _root_fields(kind):
            body = ask_as(f"{word} {{ {field} }}", "nobody")

            assert codes(body) == ["AUTHORIZATION_FAILED"], field
            assert list(body["data"].values()) == [None]
            asked += 1
    assert asked > 60


def test_every_subscription_is_refused_to_who_may_nothing(closed_client: FlaskClient) -> None:
    for field in _root_fields(make_schema().subscription_type):
        answer = closed_client.post(
            "/graphql",
            json={"query": f"subscription {{ {field} }}"},
            headers={**token("nobody"), "Accept": "text/event-stream"},
        )
        text = answer.get_data(as_text=True)

        assert text.count("event: next") == 1, field
        assert "AUTHORIZATION_FAILED" in text


def test_a_reader_changes_nothing_by_any_mutation(ask_as: AskAs) -> None:
    for field in _root_fields(make_schema().mutation_type):
        assert codes(ask_as(f"mutation {{ {field} }}", "viewer")) == ["AUTHORIZATION_FAILED"], field


def test_a_batch_is_checked_field_by_field(closed_client: FlaskClient) -> None:
    sent = [{"query": "{ namespaces { name } }"}, {"query": WRITES[0]}, {"query": WRITES[1]}]

    body = closed_client.post("/graphql", json=sent, headers=token("viewer")).get_json()

    assert [codes(item) for item in body] == [
        [],
        ["AUTHORIZATION_FAILED"],
        ["AUTHORIZATION_FAILED"],
    ]


def test_an_operator_may_run_but_not_delete(ask_as: AskAs) -> None:
    assert codes(ask_as(WRITES[0], "operator")) == []
    assert codes(ask_as(WRITES[6], "operator")) == ["AUTHORIZATION_FAILED"]


def test_nested_fields_need_their_own_permission(ask_as: AskAs) -> None:
    query = "{ tasks { items { id executions { items { id } } } } }"

    body = ask_as(query, permissions=["workflow:read"])

    assert set(codes(body)) == {"AUTHORIZATION_FAILED"}
    assert {item["executions"] for item in body["data"]["tasks"]["items"]} == {None}


def test_other_namespaces_do_not_exist(ask_as: AskAs) -> None:
    ask_as('mutation { executeTask(taskId: "echo") { job { id } } }', "admin")
    made = ask_as('mutation { executeTask(taskId: "shop.order") { job { id } } }', "admin")
    job = made["data"]["executeTask"]["job"]["id"]
    whole = """{ tasks { items { id } } jobs { items { namespace } }
        executions { total } task(id: "echo") { id } job(id: "%s") { id } }"""

    body = ask_as(whole % job, "viewer@shop")
    foreign = ask_as(f'{{ job(id: "{job}") {{ id }} }}', "viewer@default")

    assert body["data"]["tasks"]["items"] == [{"id": "shop.order"}]
    assert {item["namespace"] for item in body["data"]["jobs"]["items"]} == {"shop"}
    assert body["data"]["task"] is None
    assert body["data"]["job"] == {"id": job}
    assert codes(body) == ["TASK_NOT_FOUND"]
    assert codes(foreign) == ["JOB_NOT_FOUND"]


def test_a_subscription_needs_permission_for_its_job(
    closed_client: FlaskClient, ask_as: AskAs
) -> None:
    made = ask_as('mutation { executeTask(taskId: "shop.order") { job { id } } }', "admin")
    job = made["data"]["executeTask"]["job"]["id"]
    ask_as(f'mutation {{ cancelJob(jobId: "{job}") {{ job {{ id }} }} }}', "admin")

    def follow(*roles: str) -> str:
        answer = closed_client.post(
            "/graphql",
            json={"query": f'subscription {{ jobUpdates(jobId: "{job}") {{ status }} }}'},
            headers={**token(*roles), "Accept": "text/event-stream"},
        )
        return answer.get_data(as_text=True)

    assert '"cancelled"' in follow("viewer@shop")
    assert "JOB_NOT_FOUND" in follow("viewer@default")
    assert "AUTHORIZATION_FAILED" in follow("nobody")


def test_schedules_of_other_namespaces_do_not_exist(ask_as: AskAs) -> None:
    made = ask_as(
        'mutation { createSchedule(taskId: "shop.order", cronExpression: "@daily") '
        "{ schedule { id } } }",
        "admin",
    )
    key = made["data"]["createSchedule"]["schedule"]["id"]
    query = f'{{ schedule(id: "{key}") {{ id }} schedules {{ total }} }}'

    own = ask_as(query, "viewer@shop")
    foreign = ask_as(query, "viewer@default")
    written = ask_as(
        f'mutation {{ updateSchedule(id: "{key}", taskId: "echo") {{ schedule {{ id }} }} }}',
        "author@shop",
    )

    assert own["data"] == {"schedule": {"id": key}, "schedules": {"total": 1}}
    assert codes(foreign) == ["SCHEDULE_NOT_FOUND"]
    assert foreign["data"]["schedules"] == {"total": 0}
    assert codes(written) in (["AUTHORIZATION_FAILED"], ["TASK_NOT_FOUND"])
    ask_as(f'mutation {{ deleteSchedule(id: "{key}") {{ id }} }}', "admin")


def test_figures_about_workers_need_their_permission(ask_as: AskAs) -> None:
    query = "{ workerStats { total } workers { total } jobStats { total } }"

    body = ask_as(query, permissions=["run:read"])

    assert codes(body) == ["AUTHORIZATION_FAILED"] * 2
    assert body["data"]["jobStats"]["total"] >= 0


def test_changes_are_in_the_audit_log_by_field(closed: Ratchet, ask_as: AskAs) -> None:
    ask_as('mutation { executeTask(taskId: "echo") { job { id } } }', "admin")

    newest = closed.audit.newest(1)[0].entry

    assert newest.operation == "executeTask"
    assert newest.permission == "workflow:run"
    assert newest.path == "/graphql"


def test_the_playground_has_a_field_for_the_token(closed_client: FlaskClient) -> None:
    assert 'id="token"' in closed_client.get("/graphql/playground").get_data(as_text=True)
