"""Scripts that read the server that runs them, with authentication on (decisions.md section 5)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.locked import Locked
from tests.http_server import Answer, serve
from tests.waiting import wait_for

#: The form of a script's token.
TOKEN = re.compile(rb"rts_[A-Za-z0-9_-]{43}")


def fetched(locked: Locked, admin: str, path: str, **fields: Any) -> Any:
    """Return what a script of the namespace `shop` gets for a path of its own server."""
    url = path if "://" in path else locked.base + path
    body = {"task_id": "shop.self_read", "input": {"url": url, "method": "GET", **fields}}
    job_id = locked.call("POST", "/api/v1/jobs", admin, json=body).json()["job"]["id"]

    def look() -> Any:
        job = locked.call("GET", f"/api/v1/jobs/{job_id}", admin).json()
        return job if job["status"] in {"completed", "failed"} else None

    job = wait_for(look, f"job {job_id} to end")
    assert job["status"] == "completed", job["error"]
    return job["result"]


def test_a_script_reads_its_own_namespace_and_no_other(locked: Locked, admin: str) -> None:
    theirs, ours = locked.start(admin, "waiting.parked"), locked.start(admin, "shop.order")

    tasks = fetched(locked, admin, "/api/v1/tasks")
    own = fetched(locked, admin, f"/api/v1/jobs/{ours}")
    other = fetched(locked, admin, f"/api/v1/jobs/{theirs}")

    assert tasks["status"] == 200
    assert {item["namespace"] for item in tasks["body"]["items"]} == {"shop"}
    assert (own["status"], own["body"]["id"]) == (200, ours)
    assert other["status"] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/tasks/shop.order/execute"),
        ("DELETE", "/api/v1/tasks/shop.order"),
        ("POST", "/api/v1/tasks/shop.order/disable"),
    ],
)
def test_a_script_changes_nothing(locked: Locked, admin: str, method: str, path: str) -> None:
    assert fetched(locked, admin, path, method=method)["status"] == 403
    assert locked.call("GET", "/api/v1/tasks/shop.order", admin).json()["enabled"] is True


def test_credentials_of_the_author_s_own_are_sent_as_they_are(locked: Locked, admin: str) -> None:
    headers = {"Authorization": "Bearer nonsense"}

    assert fetched(locked, admin, "/api/v1/tasks", headers=headers)["status"] == 401


def test_no_other_server_is_told_the_token(locked: Locked, admin: str) -> None:
    with serve(lambda _: Answer(body=b"{}")) as other:
        told = fetched(locked, admin, f"http://127.0.0.1:{other.port}/api/v1/tasks")

        assert told["status"] == 200
        assert [item.headers.get("authorization") for item in other.received] == [None]


def test_the_token_is_in_no_result_no_log_and_no_file(locked: Locked, admin: str) -> None:
    told = fetched(locked, admin, "/api/v1/tasks")

    assert TOKEN.search(str(told).encode()) is None
    assert TOKEN.search(locked.started.text().encode()) is None
    for path in Path(locked.folder).rglob("*"):
        if path.is_file():
            assert TOKEN.search(path.read_bytes()) is None, path
