"""Authentication and authorisation over HTTP, by a real process (decisions.md section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.acceptance.locked import Locked, bad_tokens, token

#: Which roles may do what (decisions.md section 5), the lowest one that may; all others: admin.
OF_ACTION = {
    "read": "viewer",
    "index": "viewer",
    "show": "viewer",
    "run": "operator",
    "create": "operator",
    "cancel": "operator",
    "retry": "operator",
    "reset": "operator",
    "resolve": "operator",
    "redeliver": "operator",
}
OF_PERMISSION = {
    "audit:read": "admin",
    "key:read": "admin",
    "workflow:write": "author",
    "workflow:delete": "author",
    "schedule:write": "author",
    "schedule:delete": "author",
    "tasker.task:update": "operator",  # spells `workflow:run`: it changes what a run says of itself
}
RANKS = ("", "viewer", "operator", "author", "admin")
#: Operations that anybody may do, credentials or none.
OPEN = {
    "checkLiveness",
    "checkReadiness",
    "getLiveness",
    "getReadiness",
    "receiveWebhook",  # what verifies its sender is its authentication
    "refreshToken",
}
#: Asks for another kind of token itself, whatever role the caller has.
OWN_TOKEN = "refreshToken"
METHODS = {"get", "post", "put", "patch", "delete"}
TASKER_401 = {
    "error": {
        "type": "AuthenticationError",
        "message": "Invalid or expired authentication token",
        "code": "AUTHENTICATION_FAILED",
    }
}


@dataclass(frozen=True)
class Documented:
    """One operation of an OpenAPI document."""

    name: str
    method: str
    path: str  #: with ids that exist nowhere
    permission: str
    security: Any  #: None where the document's own holds


def documented(locked: Locked, path: str) -> list[Documented]:
    document = requests.get(f"{locked.base}{path}", timeout=10).json()
    return [
        Documented(
            operation["operationId"],
            method.upper(),
            re.sub(r"{\w+}", "00000000-0000-7000-8000-000000000000", path),
            operation["x-permission"],
            operation.get("security"),
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


@pytest.fixture(scope="module")
def operations(locked: Locked) -> list[Documented]:
    return documented(locked, "/openapi.json")


def lowest_role(operation: Documented) -> str:
    if operation.permission in {"open", "public-docs", "authenticated"}:
        return ""
    action = operation.permission.rpartition(":")[2]
    return OF_PERMISSION.get(operation.permission) or OF_ACTION.get(action, "admin")


def test_every_operation_of_both_documents_says_what_it_needs(
    locked: Locked, operations: list[Documented]
) -> None:
    mounted = documented(locked, "/tasker/api-docs.json")

    assert {item.name for item in mounted} <= {item.name for item in operations}
    assert {item.name for item in operations if item.permission == "open"} == OPEN
    assert all((item.security == []) == (item.permission == "open") for item in operations)
    assert len(operations) > 60


def test_tasker_003_each_operation_asks_who_calls(
    locked: Locked, operations: list[Documented]
) -> None:
    let_in = {
        item.name for item in operations if locked.call(item.method, item.path).status_code != 401
    }

    assert let_in == OPEN - {OWN_TOKEN}


@pytest.mark.parametrize("role", RANKS)
def test_each_role_may_do_what_the_document_and_the_decision_say(
    locked: Locked, operations: list[Documented], role: str
) -> None:
    wrong = {}
    for item in operations:
        allowed = RANKS.index(role) >= RANKS.index(lowest_role(item))
        caller = token(f"{role}-{item.name}", roles=[role] if role else [])
        body: dict[str, Any] | None = None if item.method == "GET" else {}

        # what goes on for ever is told by how it begins
        goes_on = item.path.endswith("/stream")
        answer = locked.call(item.method, item.path, caller, json=body, stream=goes_on)

        status = answer.status_code
        if goes_on and status == 200:
            answer.close()
        if (
            (status == 403) == allowed
            or status >= 500
            or (status == 401) != (item.name == OWN_TOKEN)
            or (status == 403 and item.permission not in answer.text)
        ):
            wrong[item.name] = (status, "" if goes_on else answer.text[:200])
    assert wrong == {}


@pytest.mark.parametrize("role", RANKS[1:])
def test_a_role_that_is_limited_to_a_namespace_does_nothing_elsewhere(
    locked: Locked, operations: list[Documented], role: str
) -> None:
    """No operation of a caller without any namespace is a server error or a change."""
    wrong = {}
    for item in operations:
        caller = token(f"far-{role}-{item.name}", roles=[f"{role}@nowhere"])
        body: dict[str, Any] | None = None if item.method == "GET" else {}

        answer = locked.call(item.method, item.path, caller, json=body)

        if answer.status_code >= 500 or (
            item.method != "GET"
            and answer.status_code < 300
            and item.permission not in {"open", "authenticated"}
        ):
            wrong[item.name] = (answer.status_code, answer.text[:200])
    assert wrong == {}


@pytest.mark.parametrize("kind", bad_tokens())
@pytest.mark.parametrize("path", ["/tasker/handlers", "/api/v1/tasks", "/graphql", "/nope"])
def test_tasker_051_a_bad_token_lets_nobody_in_and_is_not_explained(
    locked: Locked, kind: str, path: str
) -> None:
    method = "POST" if path == "/graphql" else "GET"
    bad = bad_tokens()[kind]

    answer = locked.call(method, path, bad)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert bad not in answer.text
    assert "Invalid or expired authentication token" in answer.text


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "bearer", "nonsense", "Bearer a b c"]
)
def test_tasker_050_a_missing_or_malformed_token_is_the_seed_s_401(
    locked: Locked, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = locked.call("GET", "/tasker/handlers", headers=headers)

    assert answer.status_code == 401
    assert answer.json() == TASKER_401


def test_tasker_052_a_missing_permission_is_the_seed_s_403(locked: Locked) -> None:
    answer = locked.call("GET", "/tasker/handlers", token(permissions=["metrics:read"]))

    assert answer.status_code == 403
    assert answer.json() == {
        "error": {
            "type": "AuthorizationError",
            "message": "Insufficient permissions for tasker.handler:index",
            "code": "AUTHORIZATION_FAILED",
        }
    }


def test_the_bodies_of_api_v1_carry_their_own_keys(locked: Locked) -> None:
    nobody = locked.call("GET", "/api/v1/jobs").json()["error"]
    somebody = locked.call("GET", "/api/v1/jobs", token()).json()["error"]

    assert (nobody["type"], nobody["code"]) == ("AuthenticationError", "AUTHENTICATION_FAILED")
    assert somebody["message"] == "Insufficient permissions for run:read"
    assert set(nobody) == set(somebody) == {"type", "message", "code", "trace_id", "timestamp"}


def test_tasker_004_a_token_and_a_content_type_on_a_get_are_served(
    locked: Locked, admin: str
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = locked.call("GET", "/tasker/handlers", admin, headers=headers)

    assert answer.status_code == 200
    assert "shop" in [item["name"] for item in answer.json()["namespaces"]]


def test_ratchet_004_the_same_header_carries_the_token(locked: Locked, admin: str) -> None:
    assert locked.call("GET", "/api/v1/tasks", admin).json()["total"] > 5


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tasks/health",
        "/api/v1/tasks/ready",
        "/api/v1/tasks/live",
        "/api/v1/tasks/configs",
        "/api/v1/tasks/openapi.json",
        "/api/v1/tasks/openapi.yaml",
        "/api/v1/tasks/x@1.0.0;/health/live",
        "/api/v1/tasks?/health/live",
        "/api/v1/tasks/%2e%2e/%2e%2e/%2e%2e/health/live",
        "/health/live/../../api/v1/tasks",
        "/health//live",
        "/health/live/",
        "/health/live%2f",
        "/health/live.",
        "/HEALTH/LIVE",
        "/api/v1/jobs/health/live",
        "/tasker/handlers/health",
        "/tasker/handlers/api-docs.json",
        "/tasker//api-docs.json",
    ],
)
def test_no_path_opens_a_route_by_what_it_looks_like(locked: Locked, path: str) -> None:
    session = requests.Session()
    request = requests.Request("GET", locked.base).prepare()
    request.url = locked.base + path  # as it is, without the client's tidying

    assert session.send(request, timeout=10).status_code == 401


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/openapi.json", "/openapi.yaml"]
)
@pytest.mark.parametrize("credentials", [None, "nonsense"])
def test_open_routes_ask_nobody(locked: Locked, path: str, credentials: str | None) -> None:
    assert locked.call("GET", path, credentials).status_code == 200
