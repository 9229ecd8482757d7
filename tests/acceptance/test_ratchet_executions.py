"""acceptance.md, Ratchet: executions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Api


def test_ratchet_046_the_list_holds_what_monitoring_wants(api: Api) -> None:
    job_id = api.execute("echo")["id"]
    api.finished(job_id)

    page = api.get("/api/v1/executions?limit=100").json()

    assert page["total"] >= 1
    execution = next(item for item in page["items"] if item["job_id"] == job_id)
    assert execution["task_id"] == "echo"
    assert execution["status"] == "completed"
    assert execution["created_at"] <= execution["completed_at"]


def test_ratchet_047_the_duration_is_a_number_once_it_is_known(api: Api, gate: Path) -> None:
    job_id = api.execute("gated", {"gate": str(gate)})["id"]
    api.when(job_id, "running")
    running = api.get(f"/api/v1/executions?job_id={job_id}").json()["items"][0]
    gate.touch()
    api.finished(job_id)
    done = api.get(f"/api/v1/executions?job_id={job_id}").json()["items"][0]

    assert running["status"] == "running"
    assert running["duration_ms"] is None
    assert done["duration_ms"] > 0


def test_ratchet_048_one_execution_is_shown_and_lists_are_filtered(api: Api) -> None:
    job_id = api.execute("unlucky")["id"]
    api.finished(job_id)

    page = api.get(f"/api/v1/executions?job_id={job_id}&order=asc").json()
    failed = api.get("/api/v1/executions?status=failed&task_id=unlucky&limit=1&offset=0").json()

    assert [item["attempt"] for item in page["items"]] == [1, 2]
    assert [item["status"] for item in page["items"]] == ["failed", "completed"]
    assert failed["items"][0]["error"] == "try later"
    shown = api.get(f"/api/v1/executions/{page['items'][0]['id']}").json()
    assert shown["error_details"]["type"] == "RetryableError"


@pytest.mark.parametrize("execution_id", ["nope", "01a20503-afd6-71c6-870c-000000000000", "%00"])
def test_ratchet_048_an_unknown_execution_is_404(api: Api, execution_id: str) -> None:
    answer = api.get(f"/api/v1/executions/{execution_id}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "EXECUTION_NOT_FOUND"


def test_ratchet_048_an_unknown_status_is_400(api: Api) -> None:
    assert api.get("/api/v1/executions?status=done").status_code == 400


def test_ratchet_049_the_task_id_is_the_name_by_which_the_task_is_known(api: Api) -> None:
    api.finished(api.execute("shop.diamond", {"repaired": "/nowhere"})["id"])

    page = api.get("/api/v1/executions?task_id=shop.diamond&limit=1").json()

    assert page["items"][0]["task_id"] == "shop.diamond"
