"""acceptance.md, Tasker: what the guide promises of tokens, versions and the whole."""

from __future__ import annotations

from typing import Any

from tests.acceptance.conftest import Api
from tests.acceptance.locked import Locked, token
from tests.waiting import wait_for

NOBODY = "00000000-0000-7000-8000-000000000000"


def caller_of(entry: dict[str, Any]) -> bool:
    """Tell whether an entry of the audit log is of the operator below."""
    return bool(entry["principal"] == "jwt:tasker-operator")


def _done(api: Api, task_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = api.get(f"/tasker/tasks/{task_id}").json()
        return task if task["status"] == "complete" else None

    return wait_for(look, f"task {task_id} to be complete")


def test_tasker_042_attempts_count_what_was_started(api: Api) -> None:
    body = {"name": "unlucky", "namespace": "default", "context": {}}
    task_id = api.post("/tasker/tasks", json=body).json()["id"]

    [step] = _done(api, task_id)["steps"]

    assert (step["attempts"], step["results"]) == (2, {"attempt": 2})
    trail = api.get(f"/tasker/tasks/{task_id}/audit").json()["transitions"]
    assert [item["attempt"] for item in trail if item["event"] == "step.retrying"] == [1]


def test_tasker_066_tokens_reach_neither_answers_nor_logs_nor_the_audit_trail(
    locked: Locked,
) -> None:
    good, bad = token("tasker-canary", roles=["admin"]), token(secret="x" * 40)
    paths = (
        "/tasker/handlers",
        f"/tasker/tasks/{NOBODY}/workflow_steps",
        "/tasker/analytics/performance",
        "/tasker/nowhere",
    )

    answers = [
        locked.call("GET", path, credentials).text for path in paths for credentials in (good, bad)
    ]
    answers.append(locked.started.text())
    answers.append(locked.call("DELETE", f"/tasker/tasks/{NOBODY}", good).text)

    written = [path for path in locked.folder.rglob("*") if path.is_file()]
    assert written
    for secret in (good, bad, good.rpartition(".")[2], bad.rpartition(".")[2]):
        assert [text for text in answers if secret in text] == []
        assert [path for path in written if secret.encode() in path.read_bytes()] == []


def test_every_change_over_the_extensions_is_in_the_audit_log(locked: Locked) -> None:
    caller = token("tasker-operator", roles=["admin"])

    answer = locked.call("POST", f"/tasker/tasks/{NOBODY}/resolve", caller)

    assert answer.status_code == 404
    entries = [item["entry"] for item in locked.command("audit", "list")["entries"]]
    told = [(item["operation"], item["status"]) for item in entries if caller_of(item)]
    assert told == [("resolveTaskerTask", 404)]


def test_tasker_052_a_viewer_is_told_what_is_missing_in_tasker_s_words(locked: Locked) -> None:
    viewer = token(roles=["viewer"])

    steps = locked.call("PATCH", f"/tasker/tasks/{NOBODY}/workflow_steps/a", viewer, json={})
    task = locked.call("POST", f"/tasker/tasks/{NOBODY}/resolve", viewer)

    assert (steps.status_code, task.status_code) == (403, 403)
    assert "tasker.workflow_step:update" in steps.text
    assert "tasker.task:resolve" in task.text


def test_tasker_069_what_is_discovered_in_any_version_can_be_created_and_watched(
    api: Api,
) -> None:
    [row] = [
        row
        for row in api.get("/tasker/handlers/shelf?extended=true").json()["handlers"]
        if row["id"] == "versioned"
    ]

    for version in row["versions"]:
        details = api.get(f"/tasker/handlers/shelf/versioned?version={version}").json()
        body = {"name": details["id"], "namespace": details["namespace"], "version": version}
        made = api.post("/tasker/tasks", json=body | {"context": {"of": version}}).json()
        query = f"namespace=shelf&version={version}&per_page=100"
        listed = api.get(f"/tasker/tasks?{query}").json()["tasks"]

        assert made["full_name"] == f"shelf.versioned@{version}"
        assert made["id"] in [task["id"] for task in listed]
        assert {task["version"] for task in listed} == {version}
        done = _done(api, made["id"])
        assert [step["name"] for step in done["steps"]] == [
            step["name"] for step in details["step_templates"]
        ]
    assert len(row["versions"]) >= 2
