from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidHeader, LimitRequestLine

from ratchet_core.api.door.guard import HEADERS
from ratchet_core.app import create_app
from ratchet_core.app.worker import broken_request, status_of
from ratchet_core.config import Settings
from ratchet_core.config.server import (
    AuthSettings,
    CorsSettings,
    ServerSettings,
)
from ratchet_core.errors import ConfigurationError
from ratchet_core.runtime import Ratchet

PAGE = "https://app.example.com"


@pytest.fixture
def listening(ratchet: Ratchet) -> Iterator[FlaskClient]:
    """Give a client of an application that lets pages of one other origin in."""
    server = ServerSettings(
        cors=CorsSettings(allowed_origins=(PAGE,)), allowed_hosts=("ratchet.example.com",)
    )
    made = Ratchet(replace(ratchet.settings, server=server))
    yield create_app(made).test_client()
    made.close()


def _with(ratchet: Ratchet, **changes: Any) -> Ratchet:
    return Ratchet(replace(ratchet.settings, **changes))


def test_ratchet_063_a_browser_may_execute_a_task_from_an_allowed_origin(
    listening: FlaskClient,
) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    preflight = listening.options("/api/v1/tasks/echo/execute", headers=asked)
    answer = listening.post("/api/v1/tasks/echo/execute", json={}, headers={"Origin": PAGE})

    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_problems_can_be_read_from_an_allowed_origin_too(listening: FlaskClient) -> None:
    answer = listening.get("/api/v1/nope", headers={"Origin": PAGE})

    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in answer.headers["Vary"]


def test_ratchet_090_an_allowed_host_behind_a_proxy_is_served(listening: FlaskClient) -> None:
    answer = listening.get("/api/v1/tasks", headers={"Host": "ratchet.example.com"})

    assert answer.status_code == 200


def test_authentication_that_cannot_be_given_refuses_to_start(ratchet: Ratchet) -> None:
    auth = AuthSettings(authentication_enabled=True, authenticator_class="jwt")

    with pytest.raises(ConfigurationError, match="authenticator 'jwt'"):
        create_app(_with(ratchet, auth=auth))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LimitRequestLine(9000, 8190), HTTPStatus.REQUEST_URI_TOO_LONG),
        (InvalidHeader("x"), HTTPStatus.BAD_REQUEST),
        (RuntimeError("hunter2"), HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_what_cannot_be_read_is_told_in_json_without_details(
    error: Exception, status: HTTPStatus
) -> None:
    raw = broken_request(status_of(error))

    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status.value} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert set(orjson.loads(body)["error"]) == {"type", "message", "code", "trace_id", "timestamp"}
    assert b"hunter2" not in raw
    for name, value in HEADERS.items():
        assert f"{name}: {value}\r\n".encode() in head + b"\r\n"


def test_a_missing_database_makes_the_server_unready_and_leaves_it_alive(tmp_path: Path) -> None:
    made = Ratchet(Settings(data_dir=tmp_path))
    client = create_app(made).test_client()

    live = client.get("/health/live")
    ready = client.get("/health/ready")

    assert live.status_code == 200
    assert ready.status_code == 503
    assert ready.json is not None
    assert ready.json["checks"]["database"]["status"] == "down"
    made.close()
