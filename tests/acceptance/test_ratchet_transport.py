"""acceptance.md, Ratchet: base address, authentication off, forms of bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ratchet_core.config import Settings
from tests.acceptance.conftest import Api

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_ratchet_001_the_server_listens_on_localhost_8080_unless_told_otherwise(api: Api) -> None:
    server = Settings().server

    assert (server.bind_address, server.port) == ("127.0.0.1", 8080)
    assert api.get("/api/v1/tasks").status_code == 200


@pytest.mark.parametrize("path", ["/tasks", "/jobs", "/executions", "/tasks/echo"])
def test_ratchet_002_nothing_asks_for_credentials(api: Api, path: str) -> None:
    assert api.get(f"/api/v1{path}").status_code == 200


@pytest.mark.parametrize("header", ["Bearer YOUR_TOKEN", "Bearer", "Basic eDp5", "nonsense"])
def test_ratchet_003_credentials_are_ignored_while_authentication_is_off(
    api: Api, header: str
) -> None:
    answer = api.get("/api/v1/tasks", headers={"Authorization": header})

    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8"])
def test_ratchet_005_json_goes_in_and_out(api: Api, kind: str) -> None:
    answer = api.post(
        "/api/v1/tasks/echo/execute", data=b'{"input": {}}', headers={"Content-Type": kind}
    )

    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"


def test_ratchet_006_every_key_is_snake_case(api: Api) -> None:
    job = api.finished(api.execute("echo")["id"])
    answers = [
        job,
        api.get("/api/v1/tasks").json(),
        api.get("/api/v1/tasks/echo").json(),
        api.get("/api/v1/jobs?limit=5").json(),
        api.get("/api/v1/executions?limit=5").json(),
    ]

    own = {key for key in _keys(answers) if not re.fullmatch(r"[a-z0-9_]+", key)}
    assert own <= {key for key in own if "-" in key}, own


def test_ratchet_007_times_are_utc_with_milliseconds(api: Api) -> None:
    job = api.finished(api.execute("echo")["id"])

    for key in ("created_at", "updated_at", "queued_at", "started_at", "completed_at"):
        assert TIME.fullmatch(job[key]), key
