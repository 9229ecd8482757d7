"""Subscriptions with authentication on: who may connect, and that nothing outlives a token."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt
import pytest
import requests

from tests.integration.graphql.conftest import Site
from tests.integration.graphql.socket_client import Talk
from tests.integration.graphql.stream_client import TIMEOUT_S, Reserved, events_of

SECRET = "canary-jwt-secret-0123456789-0123456789"
LIFE_S = 4
EVENTS = "subscription { runEvents { cursor } }"


@pytest.fixture(scope="module")
def site(new_site: Callable[..., Site]) -> Site:
    """Give a server that asks who calls."""
    return new_site(RATCHET_JWT_SECRET=SECRET)


def bearer(role: str = "viewer", life_s: int = 3600, name: str = "alice") -> dict[str, str]:
    body = {"sub": name, "exp": int(time.time()) + life_s, "roles": [role]}
    return {"Authorization": f"Bearer {jwt.encode(body, SECRET, 'HS256')}"}


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "Bearer odd"}, [], "odd"])
@pytest.mark.parametrize("protocol", ["graphql-transport-ws", "graphql-ws"])
def test_a_socket_of_nobody_is_closed(site: Site, protocol: str, payload: object) -> None:
    client = Talk(site.socket_url, protocol)
    client.say("connection_init", payload=payload)

    assert client.end_code() == 4403


def test_credentials_come_with_the_first_message(site: Site) -> None:
    client = Talk(site.socket_url)
    client.say("connection_init", payload=bearer())

    assert client.hear()["type"] == "connection_ack"
    client.subscribe("{ handlers }")
    assert "data" in client.hear()["payload"]
    client.close()


def test_credentials_come_with_the_handshake(site: Site) -> None:
    client = Talk(site.socket_url, headers=bearer())
    client.start("{ handlers }")

    assert "data" in client.hear()["payload"]
    client.close()


def test_credentials_allow_what_they_allow_elsewhere(site: Site) -> None:
    client = Talk(site.socket_url, headers=bearer())
    client.start('mutation { executeTask(taskId: "echo") { created } }')

    errors = client.hear()["payload"]["errors"]

    assert [error["extensions"]["code"] for error in errors] == ["AUTHORIZATION_FAILED"]
    client.close()


@pytest.mark.parametrize("query", [EVENTS, "{ handlers }"])
def test_a_socket_ends_with_the_token(site: Site, query: str) -> None:
    client = Talk(site.socket_url, headers=bearer(life_s=LIFE_S))
    ends_at = time.monotonic() + LIFE_S
    client.start(query)

    assert client.end_code() == 4403
    assert -1.5 < time.monotonic() - ends_at < 5


def test_a_stream_ends_with_the_token(site: Site) -> None:
    headers = {**bearer(life_s=LIFE_S), "Accept": "text/event-stream"}
    ends_at = time.monotonic() + LIFE_S
    answer = requests.post(
        f"{site.base}/graphql",
        json={"query": EVENTS},
        headers=headers,
        stream=True,
        timeout=TIMEOUT_S,
    )

    found = list(events_of(answer))

    assert time.monotonic() - ends_at < 5
    assert [name for name, _ in found] == ["next", "complete"]
    assert found[0][1]["errors"][0]["extensions"]["code"] == "AUTHENTICATION_FAILED"


def test_a_reserved_stream_ends_with_the_token(site: Site) -> None:
    stream = Reserved(site.base, **bearer(life_s=LIFE_S))
    ends_at = time.monotonic() + LIFE_S
    with stream.open() as answer:
        stream.start("1", EVENTS)
        names = [name for name, _ in events_of(answer)]

    assert time.monotonic() - ends_at < 5
    assert set(names) <= {"next", "complete"}


def test_a_reserved_stream_is_its_owners_alone(site: Site) -> None:
    stream = Reserved(site.base, **bearer())
    stream.headers |= bearer("admin", name="mallory")

    assert stream.open().status_code == 404
    assert stream.start("1", EVENTS).status_code == 404
    assert stream.stop("1").status_code == 404


def test_nobody_reserves_without_credentials(site: Site) -> None:
    assert requests.put(f"{site.base}/graphql", timeout=TIMEOUT_S).status_code == 401


def test_operations_over_a_socket_count_like_requests(new_site: Callable[..., Site]) -> None:
    few = new_site(
        RATCHET_JWT_SECRET=SECRET,
        RATCHET_RATE_LIMIT_REQUESTS_PER_MINUTE="6",
        RATCHET_RATE_LIMIT_BURST_SIZE="4",
    )
    client = Talk(few.socket_url, headers=bearer())
    client.start("{ handlers }")
    for number in range(6):
        client.subscribe("{ handlers }", key=f"more-{number}")
    while (message := client.hear())["type"] != "error":
        assert message["type"] in {"next", "complete"}

    assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert message["payload"][0]["extensions"]["retry_after"] > 0
    client.close()


def test_a_client_makes_up_no_header_but_its_credentials(site: Site) -> None:
    client = Talk(site.socket_url)
    client.say("connection_init", payload={**bearer(), "X-Remote-User": "root", "Host": "evil"})

    assert client.hear()["type"] == "connection_ack"
    client.close()
