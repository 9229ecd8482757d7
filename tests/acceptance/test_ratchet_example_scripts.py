"""acceptance.md, Ratchet 112: the eight scripts of the examples page run over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.conftest import ROOT, Api
from tests.http_server import Answer, HttpServer, Received, serve

EXAMPLES = ROOT / "contrib" / "examples"

#: Those of the eight that fetch nothing.
OFFLINE = ["addition", "weather-api", "csv-processing", "json-transform", "daily-report"]


def stated() -> list[tuple[str, str]]:
    """Return each case that says what comes out, as the directory of the script has it."""
    return [
        (name, case.stem)
        for name in OFFLINE
        for case in sorted((EXAMPLES / name / "tests").glob("*.json"))
        if "expected_output" in json.loads(case.read_text(encoding="utf-8"))
    ]


def said(status: int, value: Any, **headers: str) -> Answer:
    kind = {"content-type": "application/json"}
    return Answer(status=status, body=json.dumps(value).encode(), headers={**kind, **headers})


@contextmanager
def answering(*answers: Answer) -> Iterator[HttpServer]:
    """Give a server that gives these answers in turn, the last one for ever."""
    left = list(answers)

    def respond(_: Received) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    with serve(respond) as server:
        yield server


@pytest.mark.parametrize(("name", "case"), stated())
def test_ratchet_112_a_script_gives_what_its_page_states(api: Api, name: str, case: str) -> None:
    text = (EXAMPLES / name / "tests" / f"{case}.json").read_text(encoding="utf-8")
    given = json.loads(text)

    job = api.finished(api.execute(name, given["input"])["id"])

    assert job["error"] is None
    assert job["result"] == given["expected_output"]


def test_ratchet_112_a_rest_call_carries_its_token_and_body(api: Api) -> None:
    payload = {"item": "book", "note": 'ü "quoted"\n'}
    with answering(said(201, {"id": 7})) as server:
        value = {"url": server.url("/orders"), "token": "t0ken", "payload": payload}
        job = api.finished(api.execute("rest-call", value)["id"])
        [call] = server.received

    assert job["result"] == {"status": 201, "body": {"id": 7}}
    assert (call.method, call.path) == ("POST", "/orders")
    assert call.headers["authorization"] == "Bearer t0ken"
    assert json.loads(call.body) == payload


def test_ratchet_112_a_rest_call_with_a_wrong_token_fails_for_good(api: Api) -> None:
    with answering(said(401, {})) as server:
        value = {"url": server.url(), "token": "wrong", "payload": {}}
        job = api.finished(api.execute("rest-call", value)["id"])
        calls = len(server.received)

    assert job["error_details"]["type"] == "AuthenticationError"
    assert (job["status"], calls) == ("failed", 1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said(404, {}), "NotFoundError"),
        (said(418, {}), "HttpError"),
        (Answer(body=b"<html>", headers={"content-type": "text/html"}), "DataError"),
    ],
)
def test_ratchet_112_robust_error_handling_tells_failures_apart(
    api: Api, answer: Answer, kind: str
) -> None:
    with answering(answer) as server:
        job = api.finished(api.execute("careful-fetch", {"url": server.url("/users/7")})["id"])

    assert (job["status"], job["error_details"]["type"]) == ("failed", kind)
    assert server.url("/users/7") in job["error"]


def test_ratchet_112_robust_error_handling_hands_json_on(api: Api) -> None:
    with answering(said(200, {"id": 7})) as server:
        job = api.finished(api.execute("careful-fetch", {"url": server.url()})["id"])

    assert job["result"]["data"] == {"id": 7}


def test_ratchet_112_a_retry_backs_off_until_it_succeeds(api: Api) -> None:
    with answering(said(503, {}), said(500, {}), said(200, {"up": True})) as server:
        value = {"url": server.url(), "first_delay_ms": 10}
        job = api.finished(api.execute("retry-with-backoff", value)["id"])
        calls = len(server.received)

    assert job["result"] == {
        "attempts": 3,
        "pauses_ms": [10, 20],
        "status": 200,
        "body": {"up": True},
    }
    assert calls == 3
