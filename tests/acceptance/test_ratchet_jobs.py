"""acceptance.md, Ratchet: jobs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.waiting import wait_for

UNKNOWN = "01a20503-afd6-71c6-870c-000000000000"
MALFORMED = ["1", "nope", "%00", UNKNOWN + "0", "{" + UNKNOWN + "}", UNKNOWN.replace("-", "")]


def _submit(api: Api, task: str, count: int) -> list[str]:
    jobs = [{"task_id": task, "input": {"n": n}} for n in range(count)]
    if not jobs:
        return []
    answer = api.post("/api/v1/jobs/batch", json={"jobs": jobs})
    assert answer.status_code == 200, answer.text
    return [item["job"]["id"] for item in answer.json()["items"]]


def _all_jobs(api: Api, **params: Any) -> Iterator[dict[str, Any]]:
    """Walk the list as the seed's generator does."""
    offset, limit = 0, 100
    while True:
        page = api.get("/api/v1/jobs", params={"limit": limit, "offset": offset, **params}).json()
        yield from page["items"]
        if len(page["items"]) < limit:
            return
        offset += limit


def test_ratchet_024_the_list_is_filtered_by_status_and_limited(api: Api) -> None:
    _submit(api, "waiting.parked", 12)

    page = api.get("/api/v1/jobs?status=pending&limit=10").json()

    assert len(page["items"]) == 10
    assert page["total"] >= 12
    assert {job["status"] for job in page["items"]} == {"pending"}


def test_ratchet_025_a_job_is_pending_while_nobody_has_started_it(api: Api) -> None:
    job_id = api.execute("waiting.parked")["id"]

    assert api.job(job_id)["status"] == "pending"


def test_ratchet_026_every_status_a_job_shows_can_be_filtered(
    api: Api, gate: Path, tmp_path: Path
) -> None:
    broken = {"repaired": str(tmp_path / "never")}
    jobs = {
        "pending": api.execute("waiting.parked")["id"],
        "running": api.execute("gated", {"gate": str(gate)})["id"],
        "completed": api.execute("echo")["id"],
        "failed": api.execute("fragile", broken)["id"],
        "retrying": api.execute("unlucky", {"after_s": 60})["id"],
        "cancelled": api.execute("waiting.parked")["id"],
    }
    api.post(f"/api/v1/jobs/{jobs['cancelled']}/cancel")
    for status, job_id in jobs.items():
        api.when(job_id, status)

    for status, job_id in jobs.items():
        found = api.get(f"/api/v1/jobs?status={status}&id_in={','.join(jobs.values())}").json()
        assert [job["id"] for job in found["items"]] == [job_id], status
    alias = api.get(f"/api/v1/jobs?status=queued&id_in={jobs['pending']}").json()
    assert alias["total"] == 1
    api.post(f"/api/v1/jobs/{jobs['retrying']}/cancel")


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "status=PENDING",
        "status=",
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=-1",
        "offset=-1",
        "offset=99999999999999999999",
        "page=1",
        "status=pending&status=failed",
        "sort=name",
        "order=up",
        "cursor=nonsense",
        "created_at_gte=yesterday",
        "priority=soon",
        "task_id=%00",
    ],
)
def test_ratchet_026_unknown_values_and_parameters_are_400(api: Api, query: str) -> None:
    answer = api.get(f"/api/v1/jobs?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "ValidationError"


def test_ratchet_026_an_unknown_status_is_answered_with_the_legal_ones(api: Api) -> None:
    error = api.get("/api/v1/jobs?status=done").json()["error"]

    assert "pending, running, retrying, completed, failed, cancelled" in error["message"]


@pytest.mark.parametrize("query", ["", "limit=7", "offset=2", "limit=7&offset=2"])
def test_ratchet_027_limit_and_offset_work_alone_together_and_not_at_all(
    api: Api, query: str
) -> None:
    _submit(api, "waiting.parked", 60)

    page = api.get(f"/api/v1/jobs?{query}").json()

    assert len(page["items"]) == (7 if "limit" in query else 50)


@pytest.mark.parametrize("limit", [100, 1000])
def test_ratchet_028_up_to_1000_items_may_be_asked_for(api: Api, limit: int) -> None:
    assert api.get(f"/api/v1/jobs?limit={limit}").status_code == 200


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_ratchet_029_walking_by_offset_meets_each_job_once(api: Api, count: int) -> None:
    key = f"crowd-{uuid.uuid4().hex}"
    ids = _submit(api, "waiting.parked", count)

    walked = [job["id"] for job in _all_jobs(api, task_id="waiting.parked") if job["id"] in ids]

    assert sorted(walked) == sorted(ids), key


def test_ratchet_029_beyond_the_end_there_is_nothing(api: Api) -> None:
    page = api.get("/api/v1/jobs?offset=1000000").json()

    assert page["items"] == []
    assert page["total"] > 0


def test_ratchet_029_a_cursor_stays_exact_while_jobs_are_added(api: Api) -> None:
    ids = _submit(api, "waiting.parked", 25)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 10, "task_id": "waiting.parked"} | ({"cursor": cursor} if cursor else {})
        page = api.get("/api/v1/jobs", params=params).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None or len(seen) >= 40:
            break
        _submit(api, "waiting.parked", 3)

    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


def test_ratchet_030_a_job_has_everything_a_client_wants(api: Api) -> None:
    fresh = api.execute("waiting.parked", {"a": 1})
    done = api.finished(api.execute("echo", {"a": 1})["id"])

    assert fresh["completed_at"] is None
    assert fresh["result"] is None
    assert done["task_id"] == "echo"
    assert done["progress"] == 1
    assert done["error"] is None
    assert done["retry_count"] == 0
    assert done["result"] == {"a": 1}
    assert done["completed_at"] >= done["created_at"]
    assert [step["status"] for step in done["steps"]] == ["completed"]


def test_ratchet_030_a_failed_job_says_why(api: Api, tmp_path: Path) -> None:
    job = api.finished(api.execute("fragile", {"repaired": str(tmp_path / "never")})["id"])

    assert job["status"] == "failed"
    assert job["error"] == "it is broken"
    details = job["error_details"]
    assert (details["type"], details["code"]) == ("PermanentError", "BROKEN")
    assert (details["step"], details["attempt"]) == ("fragile", 1)


def test_ratchet_031_one_job_is_shown(api: Api) -> None:
    job_id = api.execute("echo")["id"]

    assert api.job(job_id)["id"] == job_id
    assert api.get(f"/api/v1/jobs/{job_id.upper()}").status_code == 200


@pytest.mark.parametrize("job_id", [UNKNOWN, *MALFORMED])
@pytest.mark.parametrize("rest", ["", "/steps", "/events"])
def test_ratchet_031_an_unknown_or_malformed_id_is_404(api: Api, job_id: str, rest: str) -> None:
    answer = api.get(f"/api/v1/jobs/{job_id}{rest}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "JOB_NOT_FOUND"


def test_ratchet_032_ids_are_uuids(api: Api) -> None:
    job_id = api.execute("echo")["id"]

    assert str(uuid.UUID(job_id)) == job_id
    assert uuid.UUID(job_id).version == 7


def test_ratchet_033_a_cancelled_pending_job_never_runs(api: Api) -> None:
    job_id = api.execute("waiting.parked")["id"]

    answer = api.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 200
    assert answer.json()["job"]["status"] == "cancelled"
    assert api.get(f"/api/v1/executions?job_id={job_id}").json()["total"] == 0


def test_ratchet_033_a_cancelled_running_job_is_stopped(api: Api, gate: Path) -> None:
    job_id = api.execute("gated", {"gate": str(gate)})["id"]
    api.when(job_id, "running")

    answer = api.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 200
    assert api.finished(job_id)["status"] == "cancelled"
    wait_for(Path(f"{gate}.stopped").exists, "the step to be told")


def test_ratchet_034_cancelling_a_finished_job_is_a_conflict(api: Api) -> None:
    job_id = api.execute("echo")["id"]
    api.finished(job_id)

    answer = api.post(f"/api/v1/jobs/{job_id}/cancel")

    assert answer.status_code == 409
    assert answer.json()["error"]["type"] == "ConflictError"


def test_ratchet_034_cancelling_again_is_harmless_and_unknown_is_404(api: Api) -> None:
    job_id = api.execute("waiting.parked")["id"]
    answers = [api.post(f"/api/v1/jobs/{job_id}/cancel") for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert api.post(f"/api/v1/jobs/{UNKNOWN}/cancel").status_code == 404


def test_ratchet_035_a_failed_job_is_retried_with_the_same_input(api: Api, tmp_path: Path) -> None:
    value = {"repaired": str(tmp_path / "repaired"), "n": 7}
    job_id = api.execute("fragile", value)["id"]
    assert api.finished(job_id)["status"] == "failed"
    Path(value["repaired"] if isinstance(value["repaired"], str) else "").touch()

    answer = api.post(f"/api/v1/jobs/{job_id}/retry")

    assert answer.status_code == 200
    job = api.when(job_id, "completed")
    assert job["result"] == value
    assert api.get(f"/api/v1/executions?job_id={job_id}").json()["total"] == 2


def test_ratchet_035_a_retry_keeps_what_completed(api: Api, tmp_path: Path) -> None:
    value = {"repaired": str(tmp_path / "repaired")}
    job_id = api.execute("shop.diamond", value)["id"]
    before = {step["name"]: step for step in api.when(job_id, "failed")["steps"]}
    Path(value["repaired"]).touch()

    api.post(f"/api/v1/jobs/{job_id}/retry")

    after = {step["name"]: step for step in api.when(job_id, "completed")["steps"]}
    assert after["start"]["completed_at"] == before["start"]["completed_at"]
    assert (before["end"]["attempts"], after["end"]["attempts"]) == (0, 1)
    assert (before["left"]["attempts"], after["left"]["attempts"]) == (1, 2)


def test_ratchet_036_only_a_job_that_went_wrong_is_retried(api: Api, gate: Path) -> None:
    done = api.execute("echo")["id"]
    api.finished(done)
    running = api.execute("gated", {"gate": str(gate)})["id"]
    api.when(running, "running")

    assert api.post(f"/api/v1/jobs/{done}/retry").status_code == 409
    assert api.post(f"/api/v1/jobs/{running}/retry").status_code == 409
    assert api.post(f"/api/v1/jobs/{UNKNOWN}/retry").status_code == 404


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_ratchet_037_neither_body_nor_content_type_is_needed(api: Api, verb: str) -> None:
    job_id = api.execute("waiting.parked")["id"]
    if verb == "retry":
        api.post(f"/api/v1/jobs/{job_id}/cancel")

    assert api.post(f"/api/v1/jobs/{job_id}/{verb}").status_code == 200


def test_a_batch_stores_the_valid_jobs_and_tells_of_the_others(api: Api) -> None:
    jobs = [
        {"task_id": "echo", "input": {"n": 1}},
        {"task_id": "nope"},
        {"task_id": "typed", "input": {}},
        {"task_id": "echo", "surplus": 1},
        {"task_id": "echo", "input": {"n": 2}},
    ]

    answer = api.post("/api/v1/jobs/batch", json={"jobs": jobs}).json()

    assert (answer["accepted"], answer["refused"]) == (2, 3)
    assert [item["index"] for item in answer["items"] if "error" in item] == [1, 2, 3]
    assert answer["items"][1]["error"]["code"] == "TASK_NOT_FOUND"
    assert api.finished(answer["items"][4]["job"]["id"])["result"] == {"n": 2}


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"task_id": "nope"}, 404),
        ({"task_id": "µ"}, 404),
        ({"task_id": "typed", "input": {}}, 400),
        ({}, 400),
    ],
)
def test_an_atomic_batch_stores_all_or_none(api: Api, bad: dict[str, Any], status: int) -> None:
    before = api.get("/api/v1/jobs?task_id=waiting.parked").json()["total"]
    jobs = [{"task_id": "waiting.parked"}, bad]

    answer = api.post("/api/v1/jobs/batch", json={"jobs": jobs, "atomic": True})

    assert answer.status_code == status
    assert [name.split(".")[:2] for name in answer.json()["error"]["details"]] == [["jobs", "1"]]
    assert api.get("/api/v1/jobs?task_id=waiting.parked").json()["total"] == before


def test_an_atomic_batch_names_the_job_whose_key_refuses_all(api: Api) -> None:
    key = f"taken-{uuid.uuid4()}"
    keyed = {"task_id": "waiting.parked", "idempotency_key": key}
    api.post("/api/v1/jobs", json=keyed)
    jobs = [{"task_id": "waiting.parked"}, {**keyed, "input": {"another": 1}}]

    answer = api.post("/api/v1/jobs/batch", json={"jobs": jobs, "atomic": True})

    assert answer.status_code == 409
    assert list(answer.json()["error"]["details"]) == ["jobs.1"]


def test_the_journal_of_a_job_is_told_in_order(api: Api) -> None:
    job_id = api.execute("echo")["id"]
    api.finished(job_id)

    events = api.get(f"/api/v1/jobs/{job_id}/events").json()["items"]

    names = [event["name"] for event in events]
    assert names[0] == "run.created"
    assert names[-1] == "run.completed"
    later = api.get(f"/api/v1/jobs/{job_id}/events?after={events[0]['sequence']}").json()
    assert [event["name"] for event in later["items"]] == names[1:]
