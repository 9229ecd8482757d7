"""acceptance.md, Ratchet 113: what steps log is stored, searched and followed while they run."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tests.acceptance.conftest import Api
from tests.acceptance.locked import Locked, token
from tests.waiting import wait_for


def events(base: str, path: str, **headers: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream; comments are left out."""
    sent = {"Accept": "text/event-stream", **headers}
    with requests.get(base + path, headers=sent, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        for line in answer.iter_lines():
            if line.startswith(b":"):
                continue
            if line:
                name, _, value = line.decode().partition(": ")
                event[name] = value
            elif "event" in event:
                yield {**event, "data": orjson.loads(event["data"])}
                event = {}


def talk(api: Api, gate: Path) -> tuple[str, str]:
    """Start a job that talks; return its id and the word that it says."""
    word = uuid.uuid4().hex
    return api.execute("talking", {"gate": str(gate), "word": word})["id"], word


def test_ratchet_113_lines_are_there_while_the_step_runs_and_once_the_job_has_ended(
    api: Api, gate: Path
) -> None:
    job_id, word = talk(api, gate)
    path = f"/api/v1/jobs/{job_id}/logs"

    early = wait_for(lambda: api.get(path).json()["items"], "the first lines")
    gate.touch()
    api.finished(job_id)
    late = api.get(path).json()["items"]  # at once: lines are stored before the end

    said = [(line["level"], line["logger"], line["message"]) for line in late]
    assert said == [
        ("info", None, f"working on {word}"),
        ("warning", "shop.stock", f"password=******** for {word}"),
        ("error", None, f"done with {word}"),
    ]
    assert early == late[: len(early)]
    execution = api.get(f"/api/v1/executions?job_id={job_id}").json()["items"][0]
    detail = api.get(f"/api/v1/executions/{execution['id']}").json()
    assert detail["logs"] == late
    assert api.get(f"/api/v1/executions/{execution['id']}/logs").json()["items"] == late
    assert late[0]["execution_id"] == execution["id"]
    assert late[0]["task_id"] == "talking"


def test_ratchet_113_lines_are_found_by_level_text_task_and_cursor(api: Api, gate: Path) -> None:
    job_id, word = talk(api, gate)
    gate.touch()
    api.finished(job_id)

    def found(query: str) -> list[str]:
        page = api.get(f"/api/v1/logs?{query}").json()
        return [line["message"] for line in page["items"] if line["job_id"] == job_id]

    assert found(f"text={word.upper()}&level=warning") == [
        f"done with {word}",
        f"password=******** for {word}",
    ]
    assert found(f"task_id=talking&job_id={job_id}&order=asc&limit=1") == [f"working on {word}"]
    assert found(f"task_id=echo&job_id={job_id}") == []
    assert found("task_id=nowhere.nothing") == []
    first = api.get(f"/api/v1/jobs/{job_id}/logs?limit=2").json()
    rest = api.get(f"/api/v1/jobs/{job_id}/logs?cursor={first['next_cursor']}").json()
    assert [line["message"] for line in rest["items"]] == [f"done with {word}"]
    assert rest["next_cursor"] is None


def test_ratchet_113_a_job_is_followed_to_its_end_and_a_follower_comes_back(
    api: Api, gate: Path
) -> None:
    job_id, word = talk(api, gate)
    path = f"/api/v1/jobs/{job_id}/logs/stream"
    following = events(api.base, path)

    first = next(following)
    threading.Timer(0.0, gate.touch).start()
    rest = list(following)
    again = list(events(api.base, path, **{"Last-Event-ID": first["id"]}))

    assert first["event"] == "log"
    assert first["data"]["message"] == f"working on {word}"
    assert [event["event"] for event in rest] == ["log", "log", "end"]
    assert rest[-1]["data"] == {"status": "completed"}
    assert again == rest
    assert [int(event["id"]) for event in rest[:-1]] == [
        event["data"]["sequence"] for event in rest[:-1]
    ]


def test_ratchet_113_everything_is_followed_from_now_on(api: Api, gate: Path) -> None:
    path = "/api/v1/logs/stream?task_id=talking&level=error"
    following = events(api.base, path)
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(next(following)), daemon=True)
    thread.start()
    gate.touch()

    def look() -> bool:  # until the stream is open nothing is seen: say it again
        api.finished(talk(api, gate)[0])
        return bool(found)

    wait_for(look, "a line of the stream")
    assert found[0]["data"]["message"].startswith("done with ")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/jobs/nope/logs", 404, "JOB_NOT_FOUND"),
        ("/api/v1/jobs/01a20503-afd6-71c6-870c-000000000000/logs/stream", 404, "JOB_NOT_FOUND"),
        ("/api/v1/executions/nope/logs", 404, "EXECUTION_NOT_FOUND"),
        ("/api/v1/logs?level=loud", 400, "BAD_REQUEST"),
        ("/api/v1/logs?nonsense=1", 400, "BAD_REQUEST"),
        ("/api/v1/logs?cursor=x", 400, "BAD_REQUEST"),
        ("/api/v1/logs?limit=1001", 400, "BAD_REQUEST"),
        ("/api/v1/logs/stream?after=-1", 400, "BAD_REQUEST"),
    ],
)
def test_ratchet_113_what_is_wrong_is_said(api: Api, path: str, status: int, code: str) -> None:
    answer = api.get(path)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


def test_ratchet_113_a_place_that_is_none_is_refused(api: Api) -> None:
    answer = api.get("/api/v1/logs/stream", headers={"Last-Event-ID": "x"})

    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.json()["error"]["message"]


def test_ratchet_113_logs_of_other_namespaces_do_not_exist(locked: Locked, admin: str) -> None:
    job_id = locked.start(admin, "waiting.parked")
    limited = token("bob", roles=["admin"], namespaces=["shop"])
    none = token("eve", permissions=["workflow:read"])

    for path in (f"/api/v1/jobs/{job_id}/logs", f"/api/v1/jobs/{job_id}/logs/stream"):
        assert locked.call("GET", path, limited).status_code == 404
        assert locked.call("GET", path, none).status_code == 403
    assert locked.call("GET", "/api/v1/logs", limited).json() == {"items": [], "next_cursor": None}
    assert locked.call("GET", "/api/v1/logs", none).status_code == 403


def test_ratchet_113_the_console_of_a_script_is_stored_with_level_and_attempt(api: Api) -> None:
    job = api.execute("console", {"order": 7})

    assert api.finished(job["id"])["status"] == "completed"

    lines = api.get(f"/api/v1/jobs/{job['id']}/logs").json()["items"]
    assert [(line["attempt"], line["level"], line["message"]) for line in lines] == [
        (attempt, level, message)
        for attempt in (1, 2)
        for level, message in (
            ("debug", "looking at { order: 7 }"),
            ("info", f"attempt {attempt}"),
            ("info", "plain"),
            ("warning", "low on [ 'stock', 3 ]"),
            ("error", "odd null true"),
        )
    ]
    assert {(line["step"], line["task_id"]) for line in lines} == {("say", "console")}
    assert len({line["execution_id"] for line in lines}) == 2
