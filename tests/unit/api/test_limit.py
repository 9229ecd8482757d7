from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter

from ratchet_core.app import create_app
from ratchet_core.config.server import RateLimitSettings
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet

Limited = Callable[..., Ratchet]


@pytest.fixture
def limited(ratchet: Ratchet) -> Iterator[Limited]:
    """Give a function that makes a runtime with these limits over the same database."""
    made: list[Ratchet] = []

    def make(**limits: Any) -> Ratchet:
        rate_limit = replace(RateLimitSettings(), **limits)
        server = replace(ratchet.settings.server, rate_limit=rate_limit)
        made.append(Ratchet(replace(ratchet.settings, server=server)))
        return made[-1]

    yield make
    for runtime in made:
        runtime.close()


def _client(runtime: Ratchet) -> FlaskClient:
    return create_app(runtime).test_client()


def test_nothing_is_limited_on_loopback_without_authentication(limited: Limited) -> None:
    answer = _client(limited()).get("/api/v1/tasks")

    assert answer.status_code == 200
    assert [name for name in dict(answer.headers) if name.startswith("X-RateLimit")] == []


def test_both_doors_of_the_ratchet_dialect_draw_from_one_bucket(limited: Limited) -> None:
    client = _client(limited(requests_per_minute=6, burst_size=2))

    first = client.get("/api/v1/tasks")
    second = client.post("/graphql", json={"query": "{ __typename }"})
    third = client.get("/api/v1/jobs")
    fourth = client.post("/graphql", json={"query": "{ __typename }"})

    assert [one.status_code for one in (first, second, third, fourth)] == [200, 200, 429, 429]
    assert [first.headers[f"X-RateLimit-{what}"] for what in ("Limit", "Remaining")] == ["2", "1"]
    assert third.headers["X-RateLimit-Remaining"] == "0"
    assert third.headers["Retry-After"] == "10"
    error = third.get_json()["error"]
    assert (error["retry_after"], error["retryAfter"]) == (10, 10)
    assert (error["type"], error["code"]) == ("RateLimitError", "RATE_LIMITED")
    told = fourth.get_json()["errors"][0]["extensions"]
    assert (told["code"], told["retry_after"]) == ("RATE_LIMITED", 10)


@pytest.mark.parametrize(
    "path", ["/health/live", "/health", "/openapi.json", "/", "/tasker/handlers"]
)
def test_what_has_no_limit_of_its_own_is_served_to_clients_over_theirs(
    limited: Limited, path: str
) -> None:
    client = _client(limited(requests_per_minute=1))

    assert [client.get("/api/v1/tasks").status_code for _ in range(2)] == [200, 429]
    assert client.get(path).status_code == 200


def test_unknown_routes_count_too(limited: Limited) -> None:
    client = _client(limited(requests_per_minute=1))

    assert [client.get("/api/v1/nope").status_code for _ in range(2)] == [404, 429]


def test_tasker_054_the_mount_has_a_rule_of_its_own_per_address(limited: Limited) -> None:
    client = _client(limited(tasker_requests_per_minute=3))

    mount = [client.get("/tasker/handlers") for _ in range(4)]
    elsewhere = client.get("/tasker/handlers", environ_overrides={"REMOTE_ADDR": "127.0.0.9"})

    assert [one.status_code for one in mount] == [200, 200, 200, 429]
    assert mount[3].headers["Retry-After"] == "20"
    assert set(mount[3].get_json()["error"]) == {"type", "message", "code"}
    assert elsewhere.status_code == 200
    assert client.get("/api/v1/tasks").status_code == 200


def test_limits_that_are_switched_off_hold_nowhere(limited: Limited) -> None:
    client = _client(limited(enabled=False, requests_per_minute=1, tasker_requests_per_minute=1))

    for path in ("/api/v1/tasks", "/tasker/handlers"):
        assert [client.get(path).status_code for _ in range(3)] == [200, 200, 200]


def test_a_host_applications_pages_and_limiter_are_left_alone(limited: Limited) -> None:
    host = Flask("host")
    host.config["RATELIMIT_ENABLED"] = True
    own = Limiter(lambda: "all", app=host, storage_uri="memory://", headers_enabled=False)
    host.add_url_rule("/", "home", own.limit("2/minute")(lambda: "shop"))
    Extension(limited(requests_per_minute=1), host)
    client = host.test_client()

    ours = [client.get("/api/v1/tasks").status_code for _ in range(2)]
    theirs = [client.get("/") for _ in range(3)]

    assert ours == [200, 429]
    assert [one.status_code for one in theirs] == [200, 200, 429]
    assert "X-RateLimit-Limit" not in theirs[0].headers


def test_a_host_application_cannot_switch_our_limit_off_by_accident(limited: Limited) -> None:
    host = Flask("host")
    host.config["RATELIMIT_ENABLED"] = False
    Extension(limited(requests_per_minute=1), host)

    answers = [host.test_client().get("/api/v1/tasks").status_code for _ in range(2)]

    assert answers == [200, 429]
