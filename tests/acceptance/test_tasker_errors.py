"""acceptance.md, Tasker: statuses and bodies of errors; the rest is in the other modules."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Api


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/tasker/handlers", None, 200),
        ("POST", "/tasker/tasks", {"name": "parked", "namespace": "waiting"}, 201),
        ("GET", "/tasker/tasks?page=x", None, 400),
        ("GET", "/tasker/handlers/nowhere", None, 404),
        ("POST", "/tasker/tasks", {"name": "parked"}, 422),
    ],
)
def test_tasker_048_statuses_mean_what_the_seed_says(
    api: Api, method: str, path: str, body: object, status: int
) -> None:
    assert api.call(method, path, json=body).status_code == status


def test_tasker_049_details_are_lists_of_messages_by_field(api: Api) -> None:
    error = api.post("/tasker/tasks", json={}).json()["error"]

    assert error["details"] == {"name": ["must be present"], "namespace": ["must be present"]}


def test_tasker_049_an_error_about_no_field_has_no_details(api: Api) -> None:
    error = api.get("/tasker/handlers/nowhere").json()["error"]

    assert list(error) == ["type", "message", "code"]


def test_tasker_053_an_unknown_route_is_404_with_the_envelope(api: Api) -> None:
    answer = api.get("/tasker/nope")

    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"type", "message", "code"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tasker/handlers", {"GET"}),
        ("PUT", "/tasker/tasks", {"GET", "POST"}),
        ("POST", "/tasker/handlers/payments", {"GET"}),
    ],
)
def test_tasker_053_a_wrong_method_is_405_and_names_the_right_ones(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = api.call(method, path)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed
    assert answer.json()["error"]["type"] == "MethodNotAllowed"
