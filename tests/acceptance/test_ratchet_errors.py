"""acceptance.md, Ratchet: errors; decisions.md section 4: statuses; bad input of every kind."""

from __future__ import annotations

import json
import re
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.acceptance.conftest import Api

JSON = {"Content-Type": "application/json"}


def test_ratchet_104_an_unknown_task_is_404(api: Api) -> None:
    assert api.get("/api/v1/tasks/nope").status_code == 404


def test_ratchet_107_the_envelope_has_its_keys(api: Api) -> None:
    answer = api.get("/api/v1/jobs?limit=0")

    error = answer.json()["error"]
    assert set(error) == {"type", "message", "code", "details", "trace_id", "timestamp"}
    assert error["details"] == {"limit": ["must be between 1 and 1000"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["timestamp"])


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/api/v1/jobs?limit=x", 400, "ValidationError"),
        ("GET", "/api/v1/tasks/nope", 404, "NotFoundError"),
        ("GET", "/api/v1/nope", 404, "NotFoundError"),
        ("GET", "/nope", 404, "NotFoundError"),
        ("PATCH", "/api/v1/jobs", 405, "MethodNotAllowedError"),
        ("DELETE", "/api/v1/jobs", 405, "MethodNotAllowedError"),
    ],
)
def test_ratchet_107_each_status_has_its_type(
    api: Api, method: str, path: str, status: int, kind: str
) -> None:
    answer = api.call(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == kind


def test_ratchet_108_a_failure_shows_neither_trace_nor_secret_and_has_an_id(api: Api) -> None:
    job = api.finished(api.execute("crash", {"password": "hunter2"})["id"])

    assert job["status"] == "failed"
    assert job["error"] == "division by zero"
    assert "Traceback" not in str(job["error_details"])
    assert ".py" not in str(job["error_details"])


def test_ratchet_108_the_callers_id_is_on_every_answer(api: Api) -> None:
    headers = {"X-Request-ID": "order-17"}

    refused = api.get("/api/v1/tasks/nope", headers=headers)
    served = api.get("/api/v1/tasks", headers=headers)

    assert refused.json()["error"]["trace_id"] == "order-17"
    assert served.headers["X-Request-ID"] == "order-17"


def test_a_wrong_method_names_the_allowed_ones(api: Api) -> None:
    allowed = api.call("PUT", "/api/v1/tasks/echo").headers["Allow"]

    assert {"GET", "DELETE"} <= set(allowed.split(", "))


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}, {}]
)
def test_a_body_that_is_not_said_to_be_json_is_415(api: Api, headers: dict[str, str]) -> None:
    answer = api.post("/api/v1/tasks/echo/execute", data=b'{"input": {}}', headers=headers)

    assert answer.status_code == 415


def test_a_body_over_ten_megabytes_is_413_with_the_limit_named(api: Api) -> None:
    body = b'{"input": "' + b"a" * 11_000_000 + b'"}'

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=JSON)

    assert answer.status_code == 413
    assert "limits.max_body_bytes" in answer.json()["error"]["message"]


def test_a_body_just_below_the_limit_is_taken(api: Api) -> None:
    body = b'{"input": "' + b"a" * 9_900_000 + b'"}'

    answer = api.post("/api/v1/tasks/waiting.parked/execute", data=body, headers=JSON)

    assert answer.status_code == 202


@pytest.mark.parametrize("depth", [1_000, 10_000, 100_000])
def test_deep_nesting_is_refused_and_the_server_goes_on(api: Api, depth: int) -> None:
    body = b'{"input": ' + b"[" * depth + b"]" * depth + b"}"

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=JSON)

    assert answer.status_code == 400
    assert "deeper" in answer.json()["error"]["message"]
    assert api.get("/health/live").status_code == 200


def test_nesting_that_is_taken_comes_back(api: Api) -> None:
    depth = 150
    body = b'{"input": ' + b"[" * depth + b"]" * depth + b"}"

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=JSON)

    assert api.finished(answer.json()["job"]["id"])["status"] == "completed"


def test_a_malformed_body_names_line_and_column(api: Api) -> None:
    answer = api.post("/api/v1/tasks/echo/execute", data=b'{\n "input": }', headers=JSON)

    assert "line 2 column 11" in answer.json()["error"]["message"]


def test_an_integer_that_no_client_could_get_back_is_refused(api: Api) -> None:
    body = b'{"input": {"id": 123456789012345678901234567890}}'

    answer = api.post("/api/v1/tasks/echo/execute", data=body, headers=JSON)

    assert answer.status_code == 400
    assert "64 bits" in answer.json()["error"]["message"]


def test_an_unknown_parameter_is_answered_with_the_legal_ones(api: Api) -> None:
    error = api.get("/api/v1/tasks?label=x").json()["error"]

    assert "name_like" in error["details"]["label"][0]


def test_a_foreign_host_is_refused(api: Api) -> None:
    answer = api.get("/api/v1/jobs", headers={"Host": "evil.example"})

    assert answer.status_code == 403


def test_a_foreign_page_may_not_start_or_cancel_anything(api: Api) -> None:
    headers = {"Origin": "https://evil.example"}

    execute = api.post("/api/v1/tasks/echo/execute", json={}, headers=headers)
    cancel = api.post("/api/v1/jobs/x/cancel", headers=headers)

    assert (execute.status_code, cancel.status_code) == (403, 403)


def test_our_own_pages_may(api: Api) -> None:
    answer = api.post("/api/v1/tasks/echo/execute", json={}, headers={"Origin": api.base})

    assert answer.status_code == 202


def test_a_request_that_is_no_http_is_told_so_in_json(api: Api) -> None:
    answer = api.session.request("GET", f"{api.base}/{'a' * 9000}", timeout=10)

    assert answer.status_code == 414
    assert answer.json()["error"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Huge": "a" * 9_000},
        {f"X-Header-{number}": "a" for number in range(120)},
        {"Idempotency-Key": "a" * 5_000},
        {"Authorization": "Bearer " + "a" * 9_000},
    ],
    ids=["one", "many", "key", "token"],
)
def test_huge_headers_are_refused_in_json_and_the_server_goes_on(
    api: Api, headers: dict[str, str]
) -> None:
    url = f"{api.base}/api/v1/tasks/echo/execute"

    answer = api.session.request("POST", url, headers=headers, json={}, timeout=10)

    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"]
    assert api.get("/health/live").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/tasks/%ff", "/tasker/handlers/%00", "/api/v1/%ed%a0%80"])
def test_a_path_that_is_no_text_names_nothing(api: Api, path: str) -> None:
    with closing(HTTPConnection(urlsplit(api.base).netloc, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()

        assert answer.status == 404
        assert json.loads(answer.read())["error"]
