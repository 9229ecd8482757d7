"""What a hostile or broken client gets from a real server, over each transport."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.graphql.conftest import Site
from tests.integration.graphql.socket_client import Talk
from tests.integration.graphql.stream_client import events_of, stream

DEEP = "executions(limit: 1) { items { job { " * 4 + "id" + " } } }" * 4
#: Operations that are refused before anything is executed, and with which code.
REFUSED = [
    ("{ jobs(limit: 1) { items { " + DEEP + " } } }", "QUERY_TOO_DEEP"),
    (
        "{ jobs(limit: 1) { items { ...F } } } fragment F on Job { " + DEEP + " }",
        "QUERY_TOO_DEEP",
    ),
    ("{ tasks(limit: 1000) { items { executions(limit: 100) { total } } } }", "QUERY_TOO_COMPLEX"),
    ("{ " + " ".join(f"a{n}: handlers" for n in range(31)) + " }", "TOO_MANY_ALIASES"),
    ("{ handlers " * 3000, "GRAPHQL_PARSE_FAILED"),
    ("{ " + "handlers " * 60 + "}", "QUERY_TOO_COMPLEX"),
    ("{ __schema { types { name } } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ hander }", "GRAPHQL_VALIDATION_FAILED"),
]


@pytest.fixture(scope="module")
def site(new_site: Callable[..., Site]) -> Site:
    """Give a server that shows nothing of its schema."""
    return new_site(RATCHET_GRAPHQL_INTROSPECTION="false", RATCHET_GRAPHQL_PLAYGROUND="false")


def by_post(site: Site, query: str) -> dict[str, Any]:
    return site.ask(query)


def by_batch(site: Site, query: str) -> dict[str, Any]:
    answer = requests.post(f"{site.base}/graphql", json=[{"query": query}], timeout=20)
    [body] = answer.json()
    return dict(body)


def by_stream(site: Site, query: str) -> dict[str, Any]:
    [first, last] = events_of(stream(site.base, query))
    assert last[0] == "complete"
    return dict(first[1])


def by_socket(site: Site, query: str) -> dict[str, Any]:
    client = Talk(site.socket_url)
    try:
        client.start(query)
        message = client.hear()
    finally:
        client.close()
    assert message["type"] == "error"
    return {"errors": message["payload"]}


@pytest.mark.parametrize("way", [by_post, by_batch, by_stream, by_socket])
def test_what_asks_for_too_much_is_refused_by_every_way(
    site: Site, way: Callable[[Site, str], dict[str, Any]]
) -> None:
    for query, code in REFUSED:
        body = way(site, query)

        assert {error["extensions"]["code"] for error in body["errors"]} == {code}, query[:80]
        assert "data" not in body
        assert "Did you mean" not in str(body)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_largest_size_at_every_depth(site: Site, limit: int) -> None:
    for query in (
        f"{{ tasks(limit: {limit}) {{ total }} }}",
        f'{{ task(id: "echo") {{ executions(limit: {limit}) {{ total }} }} }}',
        f"{{ deliveries(limit: {limit}) {{ total }} }}",
    ):
        [error] = site.ask(query)["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert list(error["extensions"]["details"]) == ["limit"]


def test_a_batch_has_a_largest_size(site: Site) -> None:
    sent = [{"query": "{ handlers }"}] * 11

    answer = requests.post(f"{site.base}/graphql", json=sent, timeout=20)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BATCH_TOO_LARGE"


EXECUTE = 'mutation { executeTask(taskId: "echo") { created } }'


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_what_a_foreign_form_can_send_changes_nothing(site: Site, content_type: str) -> None:
    before = site.ask("{ jobs { total } }")["data"]["jobs"]["total"]
    body = json.dumps({"query": EXECUTE})
    headers = {"Content-Type": content_type} if content_type else {}

    answer = requests.post(f"{site.base}/graphql", data=body.encode(), headers=headers, timeout=20)

    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    assert site.ask("{ jobs { total } }")["data"]["jobs"]["total"] == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
def test_a_foreign_page_is_refused_with_every_method(site: Site, method: str) -> None:
    answer = requests.request(
        method,
        f"{site.base}/graphql",
        params={"query": EXECUTE},
        headers={"Origin": "https://evil.example", "Accept": "text/event-stream"},
        timeout=20,
    )

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "ORIGIN_NOT_ALLOWED"


def test_a_mutation_by_get_changes_nothing(site: Site) -> None:
    plain = requests.get(f"{site.base}/graphql", params={"query": EXECUTE}, timeout=20)
    streamed = requests.get(
        f"{site.base}/graphql",
        params={"query": EXECUTE},
        headers={"Accept": "text/event-stream"},
        timeout=20,
    )

    assert plain.status_code == 405
    assert "METHOD_NOT_ALLOWED" in streamed.text
    assert '"created"' not in streamed.text


def test_a_playground_that_is_off_does_not_exist(site: Site) -> None:
    assert requests.get(f"{site.base}/graphql/playground", timeout=20).status_code == 404


def test_what_breaks_inside_is_told_without_its_trace(new_site: Callable[..., Site]) -> None:
    site = new_site()
    job = site.execute("echo", {"n": 1})
    site.finished(job)
    [file] = Path(site.environ["RATCHET_DATA_DIR"]).glob("*.db")
    with sqlite3.connect(file, timeout=20) as database:
        database.execute("ALTER TABLE annotations RENAME TO gone")
    query = f'{{ job(id: "{job}") {{ status annotations {{ id }} }} }}'
    told = [site.ask(query), by_batch(site, query), by_stream(site, query)]

    for body in told:
        [error] = body["errors"]
        assert error["path"] == ["job", "annotations"]
        assert error["extensions"]["code"]
        assert error["extensions"]["trace_id"]
        text = json.dumps(body)
        for secret in ("Traceback", "no such table", "SELECT", "sqlite", ".py"):
            assert secret not in text, text
    assert site.status(job) == "completed"
