"""Grants that are limited to namespaces, over HTTP, by a real process (decisions.md section 5)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.acceptance.locked import Locked, token


def test_a_caller_of_one_namespace_sees_nothing_of_the_others(locked: Locked, admin: str) -> None:
    theirs, ours = locked.start(admin, "waiting.parked"), locked.start(admin, "shop.order")
    limited = token("bob", roles=["admin"], namespaces=["shop"])

    def get(path: str) -> Any:
        return locked.call("GET", path, limited)

    def status(path: str) -> int:
        return int(get(path).status_code)

    jobs = get("/api/v1/jobs?limit=1000").json()
    assert {job["task_id"].partition(".")[0] for job in jobs["items"]} == {"shop"}
    assert jobs["total"] == len(jobs["items"])
    assert get(f"/api/v1/jobs?id_in={theirs}").json()["total"] == 0
    assert get("/api/v1/jobs?namespace=waiting").json()["total"] == 0
    assert {task["namespace"] for task in get("/api/v1/tasks").json()["items"]} == {"shop"}
    assert {item["name"] for item in get("/tasker/handlers").json()["namespaces"]} == {"shop"}
    executions = get("/api/v1/executions").json()["items"]
    assert {item["task_id"].partition(".")[0] for item in executions} <= {"shop"}
    assert get("/tasker/tasks?namespace=waiting").json()["pagination"]["total_count"] == 0
    assert get("/api/v1/schedules").json()["total"] == 0
    for path in ("", "/steps", "/events"):
        assert status(f"/api/v1/jobs/{theirs}{path}") == 404
        assert status(f"/api/v1/jobs/{ours}{path}") == 200
    assert status(f"/tasker/tasks/{theirs}") == 404
    assert status(f"/tasker/tasks/{ours}") == 200
    assert status("/api/v1/tasks/waiting.parked") == 404
    assert status("/api/v1/tasks/waiting.parked/versions") == 404
    assert status("/tasker/handlers/waiting") == 404
    assert status("/tasker/handlers/waiting/parked") == 404


def test_another_namespace_answers_as_one_that_does_not_exist(locked: Locked, admin: str) -> None:
    task = locked.call("GET", "/api/v1/tasks/waiting.parked", admin).json()
    job = locked.start(admin, "waiting.parked")
    limited = token("bob", roles=["admin"], namespaces=["shop"])
    nothing = str(uuid.uuid4())
    pairs = [
        (f"/api/v1/jobs/{job}", f"/api/v1/jobs/{nothing}"),
        (f"/tasker/tasks/{job}", f"/tasker/tasks/{nothing}"),
        (f"/api/v1/tasks/{task['uuid']}", f"/api/v1/tasks/{nothing}"),
        ("/api/v1/tasks/waiting.parked", "/api/v1/tasks/nowhere.parked"),
        ("/tasker/handlers/waiting", "/tasker/handlers/nowhere"),
        ("/tasker/handlers/waiting/parked", "/tasker/handlers/nowhere/parked"),
    ]
    for there, nowhere in pairs:
        answers = []
        for path in (there, nowhere):
            answer = locked.call("GET", path, limited)
            error = answer.json()["error"]
            name = path.removeprefix("/api/v1/").removeprefix("/tasker/").split("/")[1]
            answers.append((answer.status_code, error["code"], error["message"].replace(name, "")))

        assert answers[0] == answers[1]
        assert answers[0][0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/jobs/{job}/cancel", None),
        ("POST", "/api/v1/jobs/{job}/retry", {}),
        ("DELETE", "/api/v1/tasks/waiting.parked", None),
        ("POST", "/api/v1/tasks/waiting.parked/disable", None),
        ("POST", "/api/v1/tasks/waiting.parked/execute", {"input": {}}),
        ("POST", "/api/v1/jobs", {"task_id": "waiting.parked"}),
        ("POST", "/tasker/tasks", {"name": "parked", "namespace": "waiting"}),
        ("POST", "/api/v1/schedules", {"task_id": "waiting.parked", "cron_expression": "@daily"}),
    ],
)
def test_a_caller_of_one_namespace_changes_nothing_in_the_others(
    locked: Locked, admin: str, method: str, path: str, body: Any
) -> None:
    job = locked.start(admin, "waiting.parked")
    limited = token("bob", roles=["admin"], namespaces=["shop"])

    answer = locked.call(method, path.format(job=job), limited, json=body)

    assert answer.status_code in {403, 404}
    after = locked.call("GET", f"/api/v1/jobs/{job}", admin).json()
    assert after["status"] == "pending"
    assert locked.call("GET", "/api/v1/tasks/waiting.parked", admin).json()["enabled"] is True


def test_a_batch_is_judged_job_by_job(locked: Locked) -> None:
    limited = token("bob", roles=["operator@shop"])
    jobs = [{"task_id": "shop.order"}, {"task_id": "waiting.parked"}]

    items = locked.call("POST", "/api/v1/jobs/batch", limited, json={"jobs": jobs}).json()["items"]

    assert "job" in items[0]
    assert items[1]["error"]["code"] in {"AUTHORIZATION_FAILED", "TASK_NOT_FOUND"}


def test_who_may_read_there_and_change_nothing_is_told_403(locked: Locked, admin: str) -> None:
    job = locked.start(admin, "waiting.parked")
    mixed = token("carol", roles=["operator@shop", "viewer"])

    assert locked.call("GET", f"/api/v1/jobs/{job}", mixed).status_code == 200
    answer = locked.call("POST", f"/api/v1/jobs/{job}/cancel", mixed)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "Insufficient permissions for run:cancel"


def test_who_may_run_and_not_read_does_not_wait_for_the_result(locked: Locked) -> None:
    runner = token("ci", permissions=["workflow:run"])

    plain = locked.call("POST", "/api/v1/tasks/echo/execute", runner, json={"input": {}})
    waiting = locked.call("POST", "/api/v1/tasks/echo/execute?wait=5", runner, json={"input": {}})

    assert plain.status_code == 202
    assert waiting.status_code == 403


def test_idempotency_keys_are_kept_per_principal(locked: Locked) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}

    def run(subject: str) -> tuple[int, str]:
        answer = locked.call(
            "POST",
            "/api/v1/tasks/waiting.parked/execute",
            token(subject, roles=["operator"]),
            headers=headers,
            json={"input": {}},
        )
        return answer.status_code, answer.json()["job"]["id"]

    alice, again, bob = run("alice"), run("alice"), run("bob")

    assert (alice[0], again[0], bob[0]) == (202, 200, 202)
    assert alice[1] == again[1] != bob[1]


def test_graphql_shows_and_changes_what_the_caller_may_field_by_field(
    locked: Locked, admin: str
) -> None:
    theirs = locked.start(admin, "waiting.parked")
    limited, viewer = token(roles=["admin"], namespaces=["shop"]), token(roles=["viewer"])

    def ask(credentials: str, query: str) -> Any:
        return locked.call("POST", "/graphql", credentials, json={"query": query}).json()

    job = f'{{ job(id: "{theirs}") {{ id }} }}'
    assert ask(viewer, job)["data"]["job"]["id"] == theirs
    assert theirs not in str(ask(limited, job).get("data"))
    named = ask(limited, "{ namespaces { name } }")["data"]["namespaces"]
    assert [item["name"] for item in named] == ["shop"]
    cancel = f'mutation {{ a: cancelJob(jobId: "{theirs}") {{ job {{ id }} }} }}'
    for credentials in (limited, viewer):
        assert ask(credentials, cancel)["errors"]
    assert locked.call("GET", f"/api/v1/jobs/{theirs}", admin).json()["status"] == "pending"
    assert "errors" not in ask(admin, cancel)
