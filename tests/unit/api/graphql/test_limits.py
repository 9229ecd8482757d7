"""Tests of what a request may ask for, however it is spelled, and of who may send it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.config.graphql import GraphqlSettings
from ratchet_core.runtime import Ratchet

Ask = Callable[..., dict[str, Any]]

DEEP = "executions(limit: 1) { items { job { " * 5 + "id" + " } } }" * 5


def code_of(body: dict[str, Any]) -> str:
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@pytest.fixture
def limited(ratchet: Ratchet, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    """Give a function that makes a client of a door with other limits."""

    def make(**limits: Any) -> FlaskClient:
        graphql = dataclasses.replace(GraphqlSettings(), **limits)
        settings = dataclasses.replace(ratchet.settings, graphql=graphql)
        monkeypatch.setattr(ratchet, "settings", settings)
        return create_app(ratchet).test_client()

    return make


@pytest.mark.parametrize(
    "query",
    [
        "{ jobs(limit: 1) { items { " + DEEP + " } } }",
        "{ jobs(limit: 1) { items { ...F } } } fragment F on Job { " + DEEP + " }",
        "{ jobs(limit: 1) { items { ... on Job { " + DEEP + " } } } }",
    ],
)
def test_a_query_that_is_too_deep_is_refused(ask: Ask, query: str) -> None:
    body = ask(query)

    assert code_of(body) == "QUERY_TOO_DEEP"
    assert "data" not in body


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ tasks(limit: 1000) { items { executions(limit: 100) { items { id } } } } }", {}),
        (
            "query($n: Int) { tasks(limit: $n) { items { executions(limit: $n) { total } } } }",
            {"n": 1000},
        ),
        (
            (
                "query($n: Int = 1000) { tasks(limit: $n) { items { executions(limit: $n) "
                "{ items { id } } } } }"
            ),
            {},
        ),
        (
            (
                "{ tasks(limit: 1000) { items { ...F } } } "
                "fragment F on Task { executions(limit: 100) { items { id } } }"
            ),
            {},
        ),
    ],
)
def test_a_query_that_asks_for_too_much_is_refused(
    ask: Ask, query: str, variables: dict[str, int]
) -> None:
    assert code_of(ask(query, **variables)) == "QUERY_TOO_COMPLEX"


def test_fragments_that_multiply_are_counted_without_being_unfolded(ask: Ask) -> None:
    fragments = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(40))
    body = ask("{ ...F0 } " + fragments + "fragment F40 on Query { handlers }")

    assert code_of(body) == "QUERY_TOO_COMPLEX"


def test_too_many_aliases_are_refused(ask: Ask) -> None:
    query = "{ " + " ".join(f"a{n}: handlers" for n in range(31)) + " }"

    assert code_of(ask(query)) == "TOO_MANY_ALIASES"


def test_a_text_of_too_many_words_is_refused_before_it_is_read(ask: Ask) -> None:
    assert code_of(ask("{ handlers " * 3000)) == "GRAPHQL_PARSE_FAILED"


def test_fragments_in_a_circle_are_refused(ask: Ask) -> None:
    body = ask("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")

    assert code_of(body) == "GRAPHQL_VALIDATION_FAILED"


def test_introspection_fits_the_limits(ask: Ask) -> None:
    query = "ofType { name kind " * 8 + "} " * 8
    body = ask("{ __schema { types { name fields { name type { name " + query + "} } } } }")

    assert "errors" not in body


def test_introspection_can_be_switched_off_with_its_hints(
    limited: Callable[..., FlaskClient],
) -> None:
    client = limited(introspection=False)

    schema = client.post("/graphql", json={"query": "{ __schema { types { name } } }"}).get_json()
    typo = client.post("/graphql", json={"query": "{ task { id } hander }"}).get_json()

    assert code_of(schema) == "GRAPHQL_VALIDATION_FAILED"
    assert "Did you mean" not in str(typo)


def test_operations_come_in_batches(client: FlaskClient) -> None:
    sent = [{"query": "{ handlers }"}, {"query": "{ odd }"}, {"query": "{ namespaces { name } }"}]

    body = client.post("/graphql", json=sent).get_json()

    assert [sorted(item) for item in body] == [["data"], ["errors"], ["data"]]


@pytest.mark.parametrize("count", [0, 11])
def test_a_batch_of_the_wrong_size_is_refused(client: FlaskClient, count: int) -> None:
    answer = client.post("/graphql", json=[{"query": "{ handlers }"}] * count)

    assert answer.status_code == 400
    assert code_of(answer.get_json()) == "BATCH_TOO_LARGE"


def test_a_batch_counts_as_one_request(client: FlaskClient) -> None:
    query = "{ jobs(limit: 1000) { items { id status progress result error version } } }"

    body = client.post("/graphql", json=[{"query": query}] * 10).get_json()

    assert {code_of(item) for item in body} == {"QUERY_TOO_COMPLEX"}


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": "query={handlers}"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": b"{", "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ({"json": "text"}, 400, "BAD_REQUEST"),
        ({"json": {"variables": {}}}, 400, "BAD_REQUEST"),
        ({"json": {"query": "{ handlers }", "variables": []}}, 400, "BAD_REQUEST"),
        (
            {"json": {"query": "{ handlers }"}, "headers": {"Origin": "https://evil.example"}},
            403,
            "ORIGIN_NOT_ALLOWED",
        ),
        (
            {"json": {"query": "{ handlers }"}, "headers": {"Host": "evil.example"}},
            403,
            "HOST_NOT_ALLOWED",
        ),
    ],
)
def test_what_is_no_request_is_told_in_the_same_form(
    client: FlaskClient, options: dict[str, Any], status: int, code: str
) -> None:
    options.setdefault("content_type", None)
    if "data" in options and options["content_type"] is None:
        options["content_type"] = "application/x-www-form-urlencoded"
    answer = client.post("/graphql", **options)

    assert answer.status_code == status
    assert code_of(answer.get_json()) == code


def test_a_query_by_get_is_refused(client: FlaskClient) -> None:
    answer = client.get("/graphql?query={handlers}")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


def test_a_stream_by_get_carries_no_mutation(client: FlaskClient) -> None:
    answer = client.get(
        "/graphql",
        query_string={"query": 'mutation { executeTask(taskId: "echo") { created } }'},
        headers={"Accept": "text/event-stream"},
    )

    assert "METHOD_NOT_ALLOWED" in answer.get_data(as_text=True)


def test_a_stream_for_a_foreign_page_is_refused(client: FlaskClient) -> None:
    headers = {"Accept": "text/event-stream", "Origin": "https://evil.example"}

    answer = client.get("/graphql?query={handlers}", headers=headers)

    assert answer.status_code == 403


def test_a_subscription_by_post_is_told_where_to_go(ask: Ask) -> None:
    assert code_of(ask("subscription { runEvents { name } }")) == "SUBSCRIPTION_NEEDS_STREAM"


def test_more_streams_than_places_are_refused_at_once(limited: Callable[..., FlaskClient]) -> None:
    client = limited(max_subscriptions=1)
    options: dict[str, Any] = {
        "json": {"query": "{ handlers }"},
        "headers": {"Accept": "text/event-stream"},
    }

    with client.post("/graphql", **options) as first:
        second = client.post("/graphql", **options)
        assert first.get_data()
    third = client.post("/graphql", **options)

    assert first.status_code == 200
    assert second.status_code == 503
    assert code_of(second.get_json()) == "TOO_MANY_SUBSCRIPTIONS"
    assert int(second.headers["Retry-After"]) > 0
    assert third.status_code == 200
