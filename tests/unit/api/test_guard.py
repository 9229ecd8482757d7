from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ratchet_core.api.door.guard import HEADERS
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet
from ratchet_core.telemetry import bound


def test_every_answer_carries_an_id(client: FlaskClient) -> None:
    answer = client.get("/api/v1/jobs")

    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
def test_the_callers_id_comes_back_and_is_the_trace_id(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/v1/jobs/nope", headers={header: "order-17.b"})

    assert answer.headers["X-Request-ID"] == "order-17.b"
    assert answer.json is not None
    assert answer.json["error"]["trace_id"] == "order-17.b"


@pytest.mark.parametrize("sent", ["<script>", "a b", "", "x" * 101, "-a"])
def test_an_unsound_id_is_replaced(client: FlaskClient, sent: str) -> None:
    assert client.get("/", headers={"X-Request-ID": sent}).headers["X-Request-ID"] != sent


def test_answers_carry_the_security_headers(client: FlaskClient) -> None:
    headers = client.get("/api/v1/nope").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope", "/tasker/nope", "/api//v1/jobs", "/api"])
def test_an_unknown_route_is_told_in_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["error"]["code"] == "ROUTE_NOT_FOUND"


def test_each_door_tells_of_unknown_routes_in_its_own_form(client: FlaskClient) -> None:
    ratchet = client.get("/api/v1/nope").json
    tasker = client.get("/tasker/nope").json

    assert ratchet is not None
    assert "trace_id" in ratchet["error"]
    assert tasker is not None
    assert set(tasker["error"]) == {"type", "message", "code"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/api/v1/jobs", {"GET", "POST"}), ("/tasker/tasks", {"GET", "POST"}), ("/health", {"GET"})],
)
def test_a_wrong_method_names_the_right_ones(
    client: FlaskClient, path: str, allowed: set[str]
) -> None:
    answer = client.put(path)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


def test_a_foreign_host_is_refused(client: FlaskClient) -> None:
    answer = client.get("/api/v1/jobs", headers={"Host": "evil.example"})

    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error"]["code"] == "HOST_NOT_ALLOWED"


def test_a_foreign_page_may_not_cancel_a_job(client: FlaskClient) -> None:
    answer = client.post("/api/v1/jobs/x/cancel", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403


def test_a_form_of_another_site_does_not_pass_as_a_body(client: FlaskClient) -> None:
    answer = client.post("/api/v1/jobs/x/cancel", data={"a": "b"})

    assert answer.status_code == 415


def test_a_preflight_of_a_foreign_page_is_answered_without_leave(client: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answer = client.options("/api/v1/jobs", headers=headers)

    assert answer.status_code == 204
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_nobody_expected_is_told_without_details_and_logged_under_its_id(
    ratchet: Ratchet, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("host")
    Extension(ratchet, app)
    secret = "hunter2"

    def fail() -> str:
        raise RuntimeError(secret)

    app.view_functions["tasker.list_namespaces"] = fail

    answer = app.test_client().get("/tasker/handlers", headers={"X-Request-ID": "call-9"})

    assert answer.status_code == 500
    assert secret not in answer.text
    assert json.loads(answer.text)["error"]["code"] == "INTERNAL_ERROR"
    assert "call-9" in caplog.text
    assert secret in caplog.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/tasks"),
        ("GET", "/tasker/handlers"),
        ("POST", "/graphql"),
        ("GET", "/graphql/playground"),
        ("GET", "/docs"),
        ("GET", "/docs/swagger-ui.css"),
        ("GET", "/openapi.yaml"),
        ("GET", "/health/live"),
        ("GET", "/nope"),
        ("PUT", "/api/v1/jobs"),
    ],
)
def test_every_answer_carries_the_security_headers(
    client: FlaskClient, method: str, path: str
) -> None:
    plain = client.open(path, method=method)
    secure = client.open(path, method=method, base_url="https://localhost")

    for name in HEADERS:
        assert name in plain.headers, name
    assert "Strict-Transport-Security" not in plain.headers
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Access-Control-Allow-Origin" not in plain.headers


def test_every_log_line_of_a_call_carries_its_id_and_nothing_stays_behind(
    ratchet: Ratchet,
) -> None:
    app = Flask("host")
    Extension(ratchet, app)
    seen: list[dict[str, object]] = []

    def look() -> str:
        seen.append(dict(bound()))
        return "ok"

    app.view_functions["tasker.list_namespaces"] = look
    app.add_url_rule("/own", "own", look)
    client = app.test_client()

    client.get("/tasker/handlers", headers={"X-Request-ID": "call-9"})
    client.get("/own")

    assert seen == [{"request_id": "call-9"}, {}]
    assert bound() == {}


def test_options_names_the_methods_of_the_route_and_of_no_other(client: FlaskClient) -> None:
    answer = client.options("/api/v1/jobs/batch")

    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
