"""acceptance.md, Ratchet: tasks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import Api

ODD_INPUT: dict[str, Any] = {
    "text": 'Grüße 😀 "quoted" \\back\\slash\nnew line\t${x} `tick`',
    "nested": {"list": [1, 2.5, -0.25, None, True, {"deep": []}]},
    "numbers": [0, -1, 9007199254740991, 1e-7, 99.99],
    "null": None,
    "zero": "\u0000",
    "empty": {},
}


def test_ratchet_008_the_list_holds_items_and_their_number(api: Api) -> None:
    page = api.get("/api/v1/tasks?limit=1000").json()

    assert page["total"] == len(page["items"]) > 10


def test_ratchet_009_a_task_has_id_name_description_and_version(api: Api) -> None:
    items = api.get("/api/v1/tasks?limit=1000").json()["items"]
    task = next(item for item in items if item["id"] == "echo")

    assert task["name"] == "echo"
    assert task["description"] == "Gives its input back"
    assert task["version"] == "0.1.0"


def test_ratchet_010_limit_and_offset_walk_the_tasks_and_total_stays(api: Api) -> None:
    whole = [item["id"] for item in api.get("/api/v1/tasks?limit=1000").json()["items"]]
    first = api.get("/api/v1/tasks?limit=3").json()
    second = api.get("/api/v1/tasks?limit=3&offset=3").json()

    walked = [item["id"] for item in first["items"] + second["items"]]
    assert walked == whole[:6]
    assert first["total"] == second["total"] == len(whole)


@pytest.mark.parametrize("name", ["weather-api", "daily-report", "payments.process_payment"])
def test_ratchet_011_one_task_is_shown(api: Api, name: str) -> None:
    answer = api.get(f"/api/v1/tasks/{name}")

    assert answer.status_code == 200
    assert answer.json()["id"] == name


def test_ratchet_012_a_task_is_named_by_name_version_or_uuid(api: Api) -> None:
    latest = api.get("/api/v1/tasks/shelf.versioned").json()

    assert latest["version"] == "1.10.0"
    assert latest["versions"] == ["2.0.0-rc.1", "1.10.0", "1.9.0"]
    for name, version in (
        (latest["uuid"], "1.10.0"),
        (f"{latest['uuid']}@1.9.0", "1.9.0"),
        ("shelf.versioned@2.0.0-rc.1", "2.0.0-rc.1"),
        ("default.echo", "0.1.0"),
    ):
        assert api.get(f"/api/v1/tasks/{name}").json()["version"] == version


@pytest.mark.parametrize(
    "name",
    ["nope", "nope.nope", "echo@9.9.9", "echo@x", "a%00b", "ä", "%ED%A0%80", "x" * 400, "1"],
)
def test_ratchet_013_an_unknown_task_is_404_with_the_envelope(api: Api, name: str) -> None:
    answer = api.get(f"/api/v1/tasks/{name}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "TASK_NOT_FOUND"


def test_ratchet_014_execute_takes_input_and_answers_an_object(api: Api) -> None:
    answer = api.post("/api/v1/tasks/echo/execute", json={"input": {"param1": "value1"}})

    assert answer.status_code == 202
    assert isinstance(answer.json(), dict)


def test_ratchet_015_the_answer_names_the_job(api: Api) -> None:
    job = api.post("/api/v1/tasks/echo/execute", json={"input": {}}).json()["job"]

    assert isinstance(job["id"], str)
    assert job["status"] == "pending"
    assert job["created_at"].endswith("Z")


def test_ratchet_016_the_answer_is_an_object_and_no_list(api: Api) -> None:
    raw = api.post("/api/v1/tasks/echo/execute", json={"input": {}}).text

    assert raw.startswith("{")


def test_ratchet_017_the_job_can_be_read_at_once(api: Api) -> None:
    job_id = api.execute("echo")["id"]

    assert api.get(f"/api/v1/jobs/{job_id}").status_code == 200


def test_ratchet_018_the_input_arrives_unchanged(api: Api) -> None:
    job = api.finished(api.execute("echo", ODD_INPUT)["id"])

    assert job["input"] == ODD_INPUT
    assert job["result"] == ODD_INPUT


@pytest.mark.parametrize("value", [None, [], [1], "text", 5, True])
def test_ratchet_018_the_input_may_be_any_json_value(api: Api, value: Any) -> None:
    answer = api.post("/api/v1/tasks/echo/execute", json={"input": value})

    assert api.finished(answer.json()["job"]["id"])["result"] == value


@pytest.mark.parametrize("body", ["{}", ""])
def test_ratchet_019_no_input_means_an_empty_object(api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"} if body else {}

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=headers)

    assert api.finished(answer.json()["job"]["id"])["input"] == {}


@pytest.mark.parametrize(
    "body", ['{"input": ', "[]", "null", '{"input": NaN}', '{"inptu": {}}', '"\\ud800"', "\x00"]
)
def test_ratchet_019_a_malformed_body_is_400(api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"}

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "ValidationError"


def test_ratchet_019_input_against_the_schema_names_the_field(api: Api) -> None:
    answer = api.post("/api/v1/tasks/typed/execute", json={"input": {"city": 5, "days": 0}})

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["code"]) == ("ValidationError", "VALIDATION_FAILED")
    assert set(error["details"]) == {"input.city", "input.days"}


def test_ratchet_020_execute_of_an_unknown_task_is_404(api: Api) -> None:
    answer = api.post("/api/v1/tasks/nope/execute", json={"input": {}})

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "NotFoundError"


def test_ratchet_021_a_disabled_task_takes_no_jobs_until_it_is_enabled(api: Api) -> None:
    api.post("/api/v1/tasks/switchable/disable")

    refused = api.post("/api/v1/tasks/switchable/execute", json={"input": {}})

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "TASK_DISABLED"
    assert api.post("/api/v1/tasks/switchable/enable").json()["enabled"] is True
    assert api.post("/api/v1/tasks/switchable/execute", json={}).status_code == 202


def test_ratchet_022_023_a_deleted_task_is_gone_and_its_jobs_stay(api: Api) -> None:
    job_id = api.execute("disposable")["id"]
    api.finished(job_id)

    deleted = api.delete("/api/v1/tasks/disposable")

    assert deleted.status_code == 204
    assert api.get("/api/v1/tasks/disposable").status_code == 404
    assert api.post("/api/v1/tasks/disposable/execute", json={}).status_code == 404
    assert api.delete("/api/v1/tasks/disposable").status_code == 404
    ids = [item["id"] for item in api.get("/api/v1/tasks?limit=1000").json()["items"]]
    assert "disposable" not in ids
    assert api.job(job_id)["status"] == "completed"
    listed = api.get("/api/v1/jobs?task_id=disposable").json()
    assert [job["id"] for job in listed["items"]] == [job_id]
    assert api.get("/api/v1/executions?task_id=disposable").json()["total"] == 1


def test_a_caller_may_wait_for_the_job(api: Api) -> None:
    answer = api.post("/api/v1/tasks/echo/execute?wait=20", json={"input": {"a": 1}})

    assert answer.status_code == 200
    assert answer.json()["job"]["result"] == {"a": 1}


def test_a_caller_that_waits_too_short_gets_the_running_job(api: Api) -> None:
    answer = api.post("/api/v1/tasks/waiting.parked/execute?wait=0.05", json={})

    assert answer.status_code == 202
    assert answer.json()["job"]["status"] == "pending"


@pytest.mark.parametrize("wait", ["61", "-1", "x", "nan"])
def test_an_illegal_wait_is_400(api: Api, wait: str) -> None:
    assert api.post(f"/api/v1/tasks/echo/execute?wait={wait}", json={}).status_code == 400


def test_the_same_key_and_request_give_the_same_job(api: Api) -> None:
    headers = {"Idempotency-Key": "order-1"}
    body = {"input": {"n": 1}}
    first = api.post("/api/v1/tasks/echo/execute", json=body, headers=headers)
    again = api.post("/api/v1/tasks/echo/execute", json=body, headers=headers)
    other = api.post("/api/v1/tasks/echo/execute", json={"input": {"n": 2}}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["job"]["id"] == again.json()["job"]["id"]
    assert other.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"


def test_a_task_is_not_sent_again_to_a_client_that_has_it(api: Api) -> None:
    tag = api.get("/api/v1/tasks/echo").headers["ETag"]

    again = api.get("/api/v1/tasks/echo", headers={"If-None-Match": tag})

    assert again.status_code == 304


def test_the_versions_of_a_task_are_listed_latest_first(api: Api) -> None:
    items = api.get("/api/v1/tasks/shelf.versioned/versions").json()["items"]

    assert [item["version"] for item in items] == ["2.0.0-rc.1", "1.10.0", "1.9.0"]
