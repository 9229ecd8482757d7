"""Pause, resume, rerun, delays, deadlines and bulk operations over HTTP, by real processes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.acceptance.locked import Locked, token
from tests.waiting import wait_for

UNKNOWN = "01a20503-afd6-71c6-870c-000000000000"
BATCH = "/api/v1/jobs/batch"


def _post(api: Api, path: str, body: Any = None) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code in {200, 201, 202}, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _refused(api: Api, path: str, body: Any, status: int = 400) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_a_running_job_is_paused_between_its_steps_and_resumed(api: Api, gate: Path) -> None:
    job_id = api.execute("gated-chain", {"gate": str(gate)})["id"]
    api.when(job_id, "running")

    paused = _post(api, f"/api/v1/jobs/{job_id}/pause")["job"]
    gate.touch()

    assert (paused["status"], paused["waiting_for"]) == ("running", "resume")
    steps = wait_for(
        lambda: (found := api.job(job_id)["steps"])[0]["status"] == "completed" and found,
        "the step that ran to end",
    )
    assert [step["status"] for step in steps] == ["completed", "paused"]
    resumed = _post(api, f"/api/v1/jobs/{job_id}/resume")["job"]
    assert resumed["waiting_for"] is None
    assert api.finished(job_id)["status"] == "completed"
    again = _refused(api, f"/api/v1/jobs/{job_id}/pause", None, 409)
    assert "is completed" in again["message"]


@pytest.mark.parametrize("verb", ["pause", "resume", "rerun"])
def test_an_unknown_job_is_404_and_a_body_is_checked(api: Api, verb: str) -> None:
    error = _refused(api, f"/api/v1/jobs/{UNKNOWN}/{verb}", None, 404)

    assert error["code"] == "JOB_NOT_FOUND"
    assert api.post(f"/api/v1/jobs/nonsense/{verb}").status_code == 404


def test_jobs_of_a_paused_task_wait_and_go_on(api: Api) -> None:
    task = "shelf_of_pauses.pausable"
    first = _post(api, f"/api/v1/tasks/{task}/pause")
    assert first == {"task_id": task, "paused": True, "changed": True}
    assert _post(api, f"/api/v1/tasks/{task}/pause")["changed"] is False
    listed = api.get("/api/v1/pauses").json()["items"]
    assert [(item["kind"], item["paused_by"]) for item in listed if item["name"] == task] == [
        ("task", "anonymous")
    ]

    job_id = api.execute(task)["id"]

    wait_for(lambda: api.job(job_id)["waiting_for"], "the job to be parked")
    assert api.job(job_id)["waiting_for"] == "resume of its workflow"
    assert (
        "resume the workflow"
        in _refused(api, f"/api/v1/jobs/{job_id}/resume", None, 409)["message"]
    )
    assert _post(api, f"/api/v1/tasks/{task}/resume")["changed"] is True
    assert api.finished(job_id)["status"] == "completed"
    assert _refused(api, "/api/v1/tasks/nothing/pause", None, 404)["code"] == "TASK_NOT_FOUND"
    error = _refused(api, f"/api/v1/tasks/{task}@1.0.0/pause", None)
    assert "must name no version" in error["details"]["task_id"][0]


def test_nothing_is_taken_from_a_paused_queue(api: Api) -> None:
    queue = f"q-{uuid.uuid4().hex[:8]}"

    paused = _post(api, f"/api/v1/queues/{queue}/pause")

    assert paused == {"queue": queue, "paused": True, "changed": True}
    assert queue in {item["name"] for item in api.get("/api/v1/pauses").json()["items"]}
    assert _post(api, f"/api/v1/queues/{queue}/resume")["changed"] is True
    assert _post(api, f"/api/v1/queues/{queue}/resume")["changed"] is False
    assert "queue" in _refused(api, f"/api/v1/queues/{'x' * 65}/pause", None)["details"]


def test_a_job_is_done_again_from_a_step(api: Api, gate: Path) -> None:
    gate.touch()
    old = api.finished(api.execute("gated-chain", {"gate": str(gate)})["id"])
    gate.unlink()  # the first step, if it ran again, would wait for it
    name = "after"
    path = f"/api/v1/jobs/{old['id']}/rerun"

    answer = api.post(path, json={"from_step": name}, headers={"Idempotency-Key": uuid.uuid4().hex})

    assert answer.status_code == 201
    job = answer.json()["job"]
    assert (job["rerun_of"], job["input"]) == (old["id"], old["input"])
    done = api.finished(job["id"])
    assert done["status"] == "completed"
    assert done["result"] == old["result"]
    attempts = {step["name"]: step["attempts"] for step in done["steps"]}
    assert attempts == {step["name"]: int(step["name"] == name) for step in old["steps"]}
    error = _refused(api, path, {"from_step": "nothing"})
    assert "is not a step" in error["details"]["from_step"][0]
    assert "version" in _refused(api, path, {"version": "newest"})["details"]
    assert "step" in _refused(api, path, {"step": "x"})["details"]


def test_the_same_key_makes_one_rerun(api: Api) -> None:
    job_id = api.execute("waiting.parked")["id"]
    path, headers = f"/api/v1/jobs/{job_id}/rerun", {"Idempotency-Key": uuid.uuid4().hex}

    first = api.post(path, headers=headers)
    second = api.post(path, headers=headers)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["job"]["id"] == second.json()["job"]["id"]
    assert api.post(path, json={"version": "latest"}, headers=headers).status_code == 409


def test_a_job_past_its_deadline_fails_and_its_step_is_stopped(api: Api, gate: Path) -> None:
    body = {"input": {"gate": str(gate)}, "time_limit_s": 1.5}

    job = _post(api, "/api/v1/tasks/gated/execute", body)["job"]

    assert job["deadline"] > job["created_at"]
    failed = api.finished(job["id"])
    assert failed["status"] == "failed"
    assert failed["error_details"]["code"] == "DEADLINE_EXCEEDED"
    assert [step["status"] for step in failed["steps"]] == ["cancelled"]
    wait_for(Path(f"{gate}.stopped").exists, "the step to be asked to stop")


def test_a_delayed_job_starts_when_its_time_has_come(api: Api) -> None:
    job = _post(api, "/api/v1/tasks/echo/execute", {"delay_s": 1.2})["job"]
    at = datetime.now(UTC) + timedelta(seconds=1)
    other = _post(api, "/api/v1/jobs", {"task_id": "echo", "scheduled_for": at.isoformat()})["job"]

    assert job["status"] == other["status"] == "pending"
    for made in (job, other):
        done = api.finished(made["id"])
        assert done["status"] == "completed"
        assert done["started_at"] >= done["scheduled_for"]


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"delay_s": -1}, "delay_s"),
        ({"delay_s": "5"}, "delay_s"),
        ({"delay_s": True}, "delay_s"),
        ({"delay_s": 1e18}, "delay_s"),
        ({"delay_s": 1, "scheduled_for": "2030-01-01T00:00:00Z"}, "delay_s"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"deadline": "2001-01-01T00:00:00Z"}, "deadline"),
        ({"deadline": "soon"}, "deadline"),
        (
            {"deadline": "2030-01-01T00:00:00Z", "scheduled_for": "2030-01-02T00:00:00Z"},
            "deadline",
        ),
        ({"priority": "extreme"}, "priority"),
        ({"priority": 1001}, "priority"),
    ],
)
def test_options_that_make_no_sense_are_named(
    api: Api, options: dict[str, Any], place: str
) -> None:
    error = _refused(api, "/api/v1/tasks/waiting.parked/execute", options)

    assert list(error["details"]) == [place]


@pytest.mark.parametrize(
    ("priority", "number"),
    [("low", -10), ("normal", 0), ("high", 10), ("urgent", 20), (7, 7), (-1000, -1000)],
)
def test_priorities_are_numbers_or_four_names(api: Api, priority: Any, number: int) -> None:
    body = {"task_id": "waiting.parked", "priority": priority}

    job = _post(api, "/api/v1/jobs", body)["job"]

    assert job["priority"] == number
    found = api.get(f"/api/v1/jobs?priority={priority}&id_in={job['id']}").json()
    assert found["total"] == 1


def _parked(api: Api, count: int) -> dict[str, Any]:
    """Make jobs that nobody works at; return the filter that finds them."""
    jobs = [{"task_id": "waiting.parked"} for _ in range(count)]
    made = _post(api, BATCH, {"jobs": jobs})["items"]
    return {"id_in": [item["job"]["id"] for item in made]}


def test_many_jobs_are_looked_at_cancelled_retried_and_deleted(api: Api) -> None:
    chosen = _parked(api, 12)

    look = _post(api, f"{BATCH}/cancel", {"filter": chosen, "dry_run": True})

    assert (look["dry_run"], look["matched"], look["done"]) == (True, 12, 0)
    assert [job["id"] for job in look["sample"]] == chosen["id_in"][:10]
    error = _refused(api, f"{BATCH}/cancel", {"filter": chosen, "expected": 11}, 409)
    assert (error["code"], error["message"]) == (
        "COUNT_MISMATCH",
        "12 match, not 11; nothing was changed",
    )
    part = _post(api, f"{BATCH}/cancel", {"filter": chosen, "limit": 5})
    assert (part["done"], part["remaining"]) == (5, 7)
    rest = _post(api, f"{BATCH}/cancel", {"filter": chosen, "expected": 7})
    assert (rest["done"], rest["skipped"], rest["remaining"]) == (7, 0, 0)
    retried = _post(api, f"{BATCH}/retry", {"filter": chosen, "expected": 12})
    assert retried["done"] == 12
    assert api.job(chosen["id_in"][0])["status"] == "pending"
    error = _refused(api, f"{BATCH}/delete", {"filter": chosen, "limit": 12}, 409)
    assert error["code"] == "NOTHING_MATCHES"
    _post(api, f"{BATCH}/cancel", {"filter": chosen, "expected": 12})
    deleted = _post(api, f"{BATCH}/delete", {"filter": chosen, "expected": 12})
    assert deleted["done"] == 12
    assert api.get(f"/api/v1/jobs/{chosen['id_in'][0]}").status_code == 404


@pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"dry_run": True}, "filter"),
        ({"filter": {}, "limit": 5}, "filter"),
        ({"filter": {"status": "done"}, "dry_run": True}, "filter.status"),
        ({"filter": {"state": "failed"}, "dry_run": True}, "filter.state"),
        ({"filter": [], "dry_run": True}, "filter"),
        ({"filter": {"id_in": []}, "dry_run": True}, "filter.id_in"),
        ({"filter": {"task_id": "echo"}}, "expected"),
        ({"filter": {"task_id": "echo"}, "expected": 1, "limit": 1}, "expected"),
        ({"filter": {"task_id": "echo"}, "expected": 0}, "expected"),
        ({"filter": {"task_id": "echo"}, "limit": 10001}, "limit"),
        ({"filter": {"task_id": "echo"}, "dry_run": "yes"}, "dry_run"),
        ({"filter": {"task_id": "echo"}, "dry_run": True, "limit": 1}, "dry_run"),
        ({"filter": {"task_id": "echo"}, "all": True, "dry_run": True}, "all"),
        ({"jobs": []}, "jobs"),
    ],
)
def test_a_bulk_request_that_makes_no_sense_is_named(
    api: Api, action: str, body: dict[str, Any], place: str
) -> None:
    error = _refused(api, f"{BATCH}/{action}", body)

    assert any(key.startswith(place) for key in error["details"]), error


def test_states_that_an_action_does_not_apply_to_are_named(api: Api) -> None:
    body = {"filter": {"status": "completed"}, "dry_run": True}

    error = _refused(api, f"{BATCH}/cancel", body)

    assert "cancel applies only to what is pending" in error["details"]["filter"][0]


def test_jobs_are_found_by_the_time_they_were_made_for(api: Api) -> None:
    at = "2031-05-0{}T00:00:00Z"
    body = {"task_id": "waiting.parked"}
    made = [
        _post(api, "/api/v1/jobs", {**body, "scheduled_for": at.format(day)})["job"]["id"]
        for day in (1, 2, 3)
    ]

    query = f"scheduled_for_gte={at.format(2)}&scheduled_for_lte={at.format(3)}"
    found = api.get(f"/api/v1/jobs?{query}&id_in={','.join(made)}").json()

    assert sorted(job["id"] for job in found["items"]) == sorted(made[1:])
    assert api.get("/api/v1/jobs?scheduled_for_gte=soon").status_code == 400


def test_who_may_only_read_controls_nothing(locked: Locked, admin: str) -> None:
    job = locked.start(admin, "waiting.parked")
    viewer = token("vera", roles=["viewer"])
    elsewhere = token("bob", roles=["operator@shop"])
    body = {"filter": {"task_id": "waiting.parked"}, "limit": 1}
    calls = [
        (f"/api/v1/jobs/{job}/pause", None),
        (f"/api/v1/jobs/{job}/resume", None),
        (f"/api/v1/jobs/{job}/rerun", None),
        ("/api/v1/tasks/waiting.parked/pause", None),
        ("/api/v1/queues/default/pause", None),
        (f"{BATCH}/cancel", body),
        (f"{BATCH}/retry", body),
        (f"{BATCH}/delete", body),
    ]
    for path, given in calls:
        assert locked.call("POST", path, viewer, json=given).status_code == 403, path
        assert locked.call("POST", path, None, json=given).status_code == 401, path
        refused = locked.call("POST", path, elsewhere, json=given).status_code
        assert refused in {403, 404, 409}, path

    after = locked.call("GET", f"/api/v1/jobs/{job}", admin).json()
    assert (after["status"], after["waiting_for"]) == ("pending", None)
    assert locked.call("GET", "/api/v1/pauses", elsewhere).json()["total"] == 0


def test_a_bulk_request_reaches_only_where_the_caller_may_act(locked: Locked, admin: str) -> None:
    theirs = locked.start(admin, "waiting.parked")
    scheduled = {"task_id": "shop.order", "delay_s": 3600}
    ours = locked.call("POST", "/api/v1/jobs", admin, json=scheduled).json()["job"]["id"]
    mixed = token("carol", roles=["operator@shop", "viewer"])
    chosen = {"id_in": [theirs, ours]}

    look = locked.call("POST", f"{BATCH}/cancel", mixed, json={"filter": chosen, "dry_run": True})
    done = locked.call("POST", f"{BATCH}/cancel", mixed, json={"filter": chosen, "expected": 1})

    assert [job["id"] for job in look.json()["sample"]] == [ours]
    assert done.json()["done"] == 1
    assert locked.call("GET", f"/api/v1/jobs/{theirs}", admin).json()["status"] == "pending"


def test_what_was_controlled_is_in_the_audit_log(locked: Locked, admin: str) -> None:
    job = locked.start(admin, "waiting.parked")
    locked.call("POST", f"/api/v1/jobs/{job}/pause", admin)

    entries = locked.command("audit", "list")["entries"]

    assert "pauseJob" in {e["entry"]["operation"] for e in entries}
