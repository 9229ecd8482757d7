"""Event streams that carry many operations: the single connection mode of `graphql-sse`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.graphql.conftest import Site
from tests.integration.graphql.stream_client import TIMEOUT_S, TOKEN_HEADER, Reserved, events_of
from tests.waiting import wait_for

UPDATES = "subscription($job: ID!) { jobUpdates(jobId: $job) { status } }"


@pytest.fixture(scope="module")
def site(new_site: Callable[..., Site]) -> Site:
    """Give a server and a worker."""
    return new_site()


@pytest.fixture(scope="module")
def small_site(new_site: Callable[..., Site]) -> Site:
    """Give a server with one place."""
    return new_site(RATCHET_GRAPHQL_MAX_SUBSCRIPTIONS="1")


@pytest.fixture
def reserved(site: Site) -> Iterator[tuple[Reserved, requests.Response]]:
    """Give an open stream; it is closed at the end."""
    made = Reserved(site.base)
    with made.open() as answer:
        assert answer.status_code == 200
        yield made, answer


def test_queries_and_subscriptions_share_one_stream(
    site: Site, reserved: tuple[Reserved, requests.Response], gate: Path
) -> None:
    stream, answer = reserved
    events = events_of(answer)
    job = site.execute("gated", {"gate": str(gate)})

    followed = stream.start("follow", UPDATES, job=job)
    first = next(events)
    asked = stream.start("ask", '{ task(id: "echo") { name } }')
    gate.touch()
    seen = [first]
    while len([name for name, _ in seen if name == "complete"]) < 2:
        seen.append(next(events))

    assert (followed.status_code, followed.content) == (202, b"")
    assert asked.status_code == 202
    assert ("next", {"id": "ask", "payload": {"data": {"task": {"name": "echo"}}}}) in seen
    updates = [
        value["payload"]["data"]["jobUpdates"]["status"]
        for name, value in seen
        if name == "next" and value["id"] == "follow"
    ]
    assert updates[-1] == "completed"
    assert [value for name, value in seen if name == "complete"] == [
        {"id": "ask"},
        {"id": "follow"},
    ] or seen[-1] == ("complete", {"id": "ask"})


def test_what_is_refused_is_told_in_the_stream(
    reserved: tuple[Reserved, requests.Response],
) -> None:
    stream, answer = reserved
    events = events_of(answer)

    assert stream.start("1", UPDATES, job="nonsense").status_code == 202
    told = [next(events), next(events)]

    assert told[0][1]["payload"]["errors"][0]["extensions"]["code"] == "JOB_NOT_FOUND"
    assert told[1] == ("complete", {"id": "1"})


def test_an_operation_is_ended_and_its_name_used_again(
    site: Site, reserved: tuple[Reserved, requests.Response], gate: Path
) -> None:
    stream, answer = reserved
    events = events_of(answer)
    job = site.execute("gated", {"gate": str(gate)})
    stream.start("1", UPDATES, job=job)
    next(events)

    twice = stream.start("1", UPDATES, job=job)
    stopped = stream.stop("1")
    again = stream.start("1", '{ task(id: "echo") { name } }')
    while (event := next(events))[0] != "complete":
        last = event

    assert twice.status_code == 409
    assert twice.json()["errors"][0]["extensions"]["code"] == "OPERATION_EXISTS"
    assert stopped.status_code == 200
    assert again.status_code == 202
    assert last[1]["payload"] == {"data": {"task": {"name": "echo"}}}


def test_a_stream_is_opened_once(reserved: tuple[Reserved, requests.Response]) -> None:
    stream, _answer = reserved

    assert stream.open().status_code == 409


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_token_of_nobody_names_no_stream(site: Site, method: str) -> None:
    body: dict[str, Any] = {"query": "{ handlers }", "extensions": {"operationId": "1"}}
    answer = requests.request(
        method,
        f"{site.base}/graphql",
        headers={TOKEN_HEADER: "guessed", "Accept": "text/event-stream"},
        json=body if method == "POST" else None,
        timeout=TIMEOUT_S,
    )

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "STREAM_NOT_FOUND"


@pytest.mark.parametrize("extensions", [None, {}, {"operationId": ""}, {"operationId": 7}, []])
def test_an_operation_needs_a_name(
    site: Site, reserved: tuple[Reserved, requests.Response], extensions: Any
) -> None:
    stream, _answer = reserved
    body = {"query": "{ handlers }", "extensions": extensions}

    answer = requests.post(stream.url, json=body, headers=stream.headers, timeout=TIMEOUT_S)

    assert answer.status_code == 400


def test_a_stream_that_is_closed_is_forgotten_and_its_place_is_free(small_site: Site) -> None:
    for _ in range(2):  # one more than there are places
        stream = Reserved(small_site.base)
        with stream.open():
            stream.start("1", "subscription { runEvents { cursor } }")
            refused = requests.put(f"{small_site.base}/graphql", timeout=TIMEOUT_S)
        wait_until_gone(stream)

        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0


def wait_until_gone(stream: Reserved) -> None:
    wait_for(lambda: stream.stop("1").status_code == 404, "the server to see that the client left")
