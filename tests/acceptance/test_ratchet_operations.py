"""What `/api/v1` offers to operators: why a job stands, workers, figures, restore, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.waiting import wait_for

NOBODY = "00000000-0000-7000-8000-000000000000"


def why(api: Api, job_id: str) -> Any:
    answer = api.get(f"/api/v1/jobs/{job_id}/why")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_job_says_why_it_is_not_running(api: Api) -> None:
    job = api.execute("waiting.parked")

    told = why(api, job["id"])

    assert told["job_id"] == job["id"]
    assert told["status"] == "pending"
    assert [(item["cause"], item["step"]) for item in told["reasons"]] == [
        ("no_worker", "first"),
        ("parents", "second"),
    ]
    assert told["summary"].startswith("The step 'first' is ready, but no worker serves the queue")
    assert told["reasons"][0]["remedy"] == "Start one: `ratchet worker --queues nobody`."
    assert told["reasons"][1]["parents"] == ["first"]


def test_a_job_says_who_runs_it_until_when(api: Api, gate: Path) -> None:
    job = api.execute("gated", {"gate": str(gate)})
    api.when(job["id"], "running")

    def running() -> Any:
        reason = why(api, job["id"])["reasons"][0]
        return reason if reason["cause"] == "running" else None

    reason = wait_for(running, "the start to be told")

    workers = {item["id"]: item for item in api.get("/api/v1/workers").json()["items"]}
    holder = workers[reason["worker"]["id"]]
    assert (holder["status"], holder["pid"]) == ("busy", reason["worker"]["pid"])
    assert holder["current"]["job_id"] == job["id"]
    assert holder["current_load"] >= 1
    assert reason["until"] == reason["worker"]["lease_until"]


def test_a_job_says_that_its_time_is_to_come(api: Api) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"task_id": "echo", "scheduled_for": at}
    job = api.post("/api/v1/jobs", json=body).json()["job"]

    reason = why(api, job["id"])["reasons"][0]

    assert reason["cause"] == "start_time"
    assert reason["until"] == at.replace("Z", ".000Z")
    api.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert why(api, job["id"])["summary"] == "It was cancelled by anonymous"


def test_a_job_says_when_it_is_tried_again(api: Api) -> None:
    job = api.execute("unlucky", {"after_s": 200})
    api.when(job["id"], "retrying")

    reason = why(api, job["id"])["reasons"][0]

    assert (reason["cause"], reason["step"]) == ("back_off", "unlucky")
    assert "try later" in reason["message"]
    assert reason["until"] > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    api.post(f"/api/v1/jobs/{job['id']}/cancel")


def test_a_finished_and_a_failed_job_say_so(api: Api, tmp_path: Path) -> None:
    done = api.finished(api.execute("echo")["id"])
    failed = api.finished(api.execute("fragile", {"repaired": str(tmp_path / "no")})["id"])

    assert [item["cause"] for item in why(api, done["id"])["reasons"]] == ["completed"]
    told = why(api, failed["id"])
    assert [item["cause"] for item in told["reasons"]] == ["step_failed"]
    assert "it is broken" in told["summary"]


def test_workers_are_listed_with_lease_host_process_and_heartbeat(api: Api) -> None:
    def look() -> Any:
        page = api.get("/api/v1/workers").json()
        return page if page["total"] == 4 else None

    page = wait_for(look, "four workers")

    assert page["total"] == len(page["items"])
    for item in page["items"]:
        assert item["last_heartbeat"] <= item["lease_until"]
        assert item["started_at"] <= item["last_heartbeat"]
        assert "default" in item["queues"]
        assert {"javascript", "http", "Acceptance::Echo"} <= set(item["handlers"])
        one = api.get(f"/api/v1/workers/{item['id']}")
        assert one.status_code == 200
        assert one.json()["pid"] == item["pid"]
    host = page["items"][0]["host"]
    assert api.get(f"/api/v1/workers?host={host}&queue=default").json()["total"] == 4
    assert api.get("/api/v1/workers?queue=nobody").json() == {"items": [], "total": 0}


def test_figures_of_each_noun_agree_with_its_list(api: Api) -> None:
    api.finished(api.execute("echo")["id"])
    api.execute("waiting.parked")

    jobs = api.get("/api/v1/jobs/stats").json()
    executions = api.get("/api/v1/executions/stats").json()
    tasks = api.get("/api/v1/tasks/stats").json()
    schedules = api.get("/api/v1/schedules/stats").json()
    workers = api.get("/api/v1/workers/stats").json()

    for status in ("completed", "failed", "cancelled"):
        listed = api.get(f"/api/v1/jobs?status={status}&limit=1").json()["total"]
        assert jobs["by_status"][status] == listed
    assert jobs["total"] == sum(jobs["by_status"].values())
    assert sum(jobs["by_priority"].values()) >= 1
    assert jobs["oldest_pending_at"] is not None
    assert jobs["duration_ms"]["count"] >= 1
    assert executions["by_status"]["completed"] >= 1
    assert executions["duration_ms"]["median"] <= executions["duration_ms"]["longest"]
    assert tasks["total"] == api.get("/api/v1/tasks?limit=1").json()["total"]
    assert tasks["versions"] > tasks["total"]
    assert schedules["total"] == api.get("/api/v1/schedules?limit=1").json()["total"]
    assert workers["total"] == workers["idle"] + workers["busy"] + workers["silent"]
    assert [queue["name"] for queue in workers["queues"] if queue["name"] == "nobody"]


def test_a_validation_tells_what_execute_would_refuse_and_makes_no_job(api: Api) -> None:
    def check(task: str, **body: Any) -> Any:
        answer = api.post(f"/api/v1/tasks/{task}/validate", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    before = api.get("/api/v1/jobs?task_id=typed").json()["total"]
    good, bad = check("typed", input={"city": "Bonn"}), check("typed", input={"days": 0})

    assert (good["valid"], good["errors"], good["warnings"]) == (True, {}, [])
    assert bad["valid"] is False
    assert sorted(bad["errors"]) == ["input.city", "input.days"]
    assert api.get("/api/v1/jobs?task_id=typed").json()["total"] == before
    assert check("waiting.parked")["warnings"] == ["No worker serves the queue 'nobody'"]


def test_a_disabled_task_is_told_by_its_validation(api: Api) -> None:
    api.post("/api/v1/tasks/switchable/disable")

    told = api.post("/api/v1/tasks/switchable/validate").json()

    api.post("/api/v1/tasks/switchable/enable")
    assert told["valid"] is False
    assert "disabled" in told["errors"]["task_id"][0]


def test_a_deleted_task_comes_back_by_name_or_uuid(api: Api) -> None:
    uuid = api.get("/api/v1/tasks/switchable").json()["uuid"]
    for named in ("switchable", uuid, "default.switchable"):
        assert api.delete("/api/v1/tasks/switchable").status_code == 204
        assert api.get("/api/v1/tasks/switchable").status_code == 404

        restored = api.post(f"/api/v1/tasks/{named}/restore")

        assert restored.status_code == 200, restored.text
        assert restored.json()["uuid"] == uuid
        assert api.get("/api/v1/tasks/switchable").status_code == 200
    assert api.post("/api/v1/tasks/switchable/restore").status_code == 200


def test_ratchet_023_a_deleted_task_leaves_its_jobs_executions_and_schedules_readable(
    api: Api,
) -> None:
    job = api.finished(api.execute("switchable", {"kept": True})["id"])
    body = {"task_id": "switchable", "cron_expression": "0 9 * * *", "enabled": False}
    schedule = api.post("/api/v1/schedules", json=body).json()

    assert api.delete("/api/v1/tasks/switchable").status_code == 204

    assert api.job(job["id"])["result"] == {"kept": True}
    for noun in ("jobs", "executions"):
        page = api.get(f"/api/v1/{noun}?task_id=switchable&limit=1000").json()
        assert page["total"] == len(page["items"]) >= 1
    listed = api.get("/api/v1/schedules?limit=1000").json()["items"]
    assert schedule["id"] in [item["id"] for item in listed]
    assert api.get(f"/api/v1/jobs/{job['id']}/why").status_code == 200
    assert api.delete(f"/api/v1/schedules/{schedule['id']}").status_code == 204
    assert api.post("/api/v1/tasks/switchable/restore").status_code == 200


def test_one_deleted_version_comes_back(api: Api) -> None:
    assert api.delete("/api/v1/tasks/shelf.versioned@1.9.0").status_code == 204
    assert api.get("/api/v1/tasks/shelf.versioned@1.9.0").status_code == 404

    restored = api.post("/api/v1/tasks/shelf.versioned@1.9.0/restore").json()

    assert restored["version"] == "1.9.0"
    assert "1.9.0" in api.get("/api/v1/tasks/shelf.versioned").json()["versions"]


def test_an_ended_job_is_deleted_with_all_that_it_left(api: Api) -> None:
    job = api.finished(api.execute("echo")["id"])
    execution = api.get(f"/api/v1/executions?job_id={job['id']}").json()["items"][0]

    assert api.delete(f"/api/v1/jobs/{job['id']}").status_code == 204

    for path in ("", "/steps", "/events", "/why"):
        assert api.get(f"/api/v1/jobs/{job['id']}{path}").status_code == 404
    assert api.get(f"/api/v1/executions/{execution['id']}").status_code == 404
    assert api.get(f"/api/v1/jobs?id_in={job['id']}").json()["total"] == 0
    assert api.delete(f"/api/v1/jobs/{job['id']}").status_code == 404


def test_a_job_under_way_is_not_deleted(api: Api) -> None:
    job = api.execute("waiting.parked")

    answer = api.delete(f"/api/v1/jobs/{job['id']}")

    assert answer.status_code == 409
    assert answer.json()["error"]["message"].startswith(f"Job '{job['id']}' is pending")
    assert api.job(job["id"])["status"] == "pending"


@pytest.mark.parametrize("noun", ["jobs", "executions", "tasks", "schedules", "workers"])
def test_figures_take_no_parameters(api: Api, noun: str) -> None:
    answer = api.get(f"/api/v1/{noun}/stats?since=yesterday")

    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"since": ["unknown parameter; legal are none"]}
    assert api.post(f"/api/v1/{noun}/stats").status_code in {404, 405}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/api/v1/jobs/{NOBODY}/why", 404),
        ("GET", "/api/v1/jobs/nonsense/why", 404),
        ("GET", f"/api/v1/jobs/{NOBODY}/why?verbose=1", 400),
        ("POST", f"/api/v1/jobs/{NOBODY}/why", 405),
        ("DELETE", f"/api/v1/jobs/{NOBODY}", 404),
        ("DELETE", "/api/v1/jobs/%00", 404),
        ("GET", f"/api/v1/workers/{NOBODY}", 404),
        ("GET", "/api/v1/workers/../../etc", 404),
        ("GET", "/api/v1/workers?status=dead", 400),
        ("GET", "/api/v1/workers?queue=" + "q" * 65, 400),
        ("GET", "/api/v1/workers?limit=5", 400),
        ("DELETE", f"/api/v1/workers/{NOBODY}", 405),
        ("POST", "/api/v1/tasks/no-such-task/restore", 404),
        ("POST", f"/api/v1/tasks/{NOBODY}/restore", 404),
        ("POST", "/api/v1/tasks/a@b@c/restore", 404),
        ("POST", "/api/v1/tasks/echo@9.9.9/restore", 404),
        ("POST", "/api/v1/tasks/no-such-task/validate", 404),
        ("GET", "/api/v1/tasks/echo/validate", 405),
    ],
)
def test_what_is_wrong_is_told_as_documented(api: Api, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"input": ', 400),
        ("[]", 400),
        ('{"inputs": {}}', 400),
        ('{"input": {}, "priority": "very"}', 400),
        ('{"input": {}, "metadata": []}', 400),
    ],
)
def test_a_bad_body_of_a_validation_is_400(api: Api, body: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}

    answer = api.post("/api/v1/tasks/typed/validate", data=body, headers=headers)

    assert answer.status_code == status
    wrong = api.post("/api/v1/tasks/typed/validate", data="x", headers={"Content-Type": "text/x"})
    assert wrong.status_code == 415
