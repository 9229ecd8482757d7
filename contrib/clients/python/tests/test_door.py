"""One call, against servers that answer as they please."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ratchet_client import (
    ApiError,
    AuthenticationFailed,
    Backoff,
    CallTimedOut,
    Conflict,
    ConnectionFailed,
    InvalidCall,
    JobNotFinished,
    NotFound,
    PermissionDenied,
    RatchetClient,
    RateLimited,
    ServerFailed,
    TaskerClient,
    Unavailable,
    UnexpectedAnswer,
)
from tests.http_server import Answer, HttpServer, Received, serve, serve_raw
from tests.servers import free_port

JOB = {"id": "j1", "status": "running"}


def said(status: int, value: Any, **headers: str) -> Answer:
    return Answer(
        status=status,
        body=json.dumps(value).encode(),
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )


def problem(status: int, **headers: str) -> Answer:
    return said(status, {"error": {"type": "T", "code": "C", "message": "m"}}, **headers)


@contextmanager
def answering(*answers: Answer, **options: Any) -> Iterator[tuple[RatchetClient, list[float]]]:
    """Give a client of a server that gives these answers in turn, and the pauses it makes."""
    left = list(answers)
    pauses: list[float] = []

    def respond(_: Received) -> Answer:
        return left.pop(0)

    with serve(respond) as server:
        base = server.url("").rstrip("/")
        backoff = Backoff(jitter=0, first_s=1)
        with RatchetClient(base, backoff=backoff, pause=pauses.append, **options) as client:
            client.server = server  # type: ignore[attr-defined]
            yield client, pauses


def received(client: RatchetClient) -> list[Received]:
    server: HttpServer = client.server  # type: ignore[attr-defined]
    return server.received


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_tasker_065_a_read_is_made_again_with_growing_pauses(status: int) -> None:
    with answering(problem(status), problem(status), said(200, JOB)) as (client, pauses):
        assert client.job("j1")["status"] == "running"

    assert pauses == [1, 2]


def test_retry_after_sets_the_pause() -> None:
    with answering(problem(429, Retry_After="7"), said(200, JOB)) as (client, pauses):
        client.job("j1")

    assert pauses == [7]


def test_the_last_problem_is_raised_when_patience_ends() -> None:
    with answering(*[problem(503)] * 5) as (client, pauses), pytest.raises(Unavailable):
        client.job("j1")

    assert pauses == [1, 2, 4, 8]


def test_a_call_that_may_do_harm_twice_is_not_repeated() -> None:
    with answering(problem(503)) as (client, pauses), pytest.raises(Unavailable):
        client.retry("j1")

    assert pauses == []


def test_a_call_that_was_refused_before_anything_was_done_is_repeated() -> None:
    with answering(problem(429), said(200, {"job": JOB})) as (client, pauses):
        client.retry("j1")

    assert pauses == [1]


def test_a_job_is_made_under_one_key_however_often_it_is_asked_for() -> None:
    with answering(problem(503), said(202, {"job": JOB})) as (client, _):
        assert client.execute("echo")["id"] == "j1"
        keys = {call.headers["idempotency-key"] for call in received(client)}

    assert len(keys) == 1


def test_two_jobs_have_two_keys_and_a_key_of_the_callers_is_sent() -> None:
    with answering(*[said(202, {"job": JOB})] * 3) as (client, _):
        client.execute("echo")
        client.execute("echo")
        client.execute("echo", key="order-17")
        keys = [call.headers["idempotency-key"] for call in received(client)]

    assert len(set(keys)) == 3
    assert keys[2] == "order-17"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidCall),
        (401, AuthenticationFailed),
        (403, PermissionDenied),
        (404, NotFound),
        (409, Conflict),
        (413, InvalidCall),
        (418, ApiError),
        (422, InvalidCall),
        (500, ServerFailed),
    ],
)
def test_tasker_065_each_status_is_an_error_of_its_own(status: int, kind: type[ApiError]) -> None:
    with answering(problem(status)) as (client, pauses), pytest.raises(kind) as caught:
        client.job("j1")

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, pauses) == (status, "C", [])


def test_a_limit_that_lasts_too_long_is_told_with_its_time() -> None:
    limited = problem(429, Retry_After="3600")
    with answering(limited) as (client, pauses), pytest.raises(RateLimited) as caught:
        client.job("j1")

    assert (caught.value.retry_after_s, pauses) == (3600, [])


def test_tasker_065_failures_are_logged_without_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "ratchet_client")
    answers = [problem(503), problem(404)]
    with answering(*answers, token="s3cret-t0ken") as (client, _), pytest.raises(NotFound):
        client.job("j1")

    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    ours = [item for item in told if "/api/v1/jobs/j1" in item[1] and "HTTP Request" not in item[1]]
    assert [level for level, _ in ours] == ["INFO", "WARNING"]
    assert "503 C: m" in ours[0][1]
    assert "404 C: m" in ours[1][1]
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b""])
def test_an_answer_of_something_else_is_said_to_be_that(body: bytes) -> None:
    with answering(Answer(body=body)) as (client, _), pytest.raises(UnexpectedAnswer):
        client.job("j1")


def test_a_problem_of_a_proxy_is_told_without_a_code() -> None:
    page = Answer(status=404, body=b"<html>no</html>")
    with answering(page) as (client, _), pytest.raises(NotFound) as caught:
        client.job("j1")

    assert caught.value.code == "UNKNOWN"


def test_nobody_listening_is_tried_again_and_then_told() -> None:
    pauses: list[float] = []
    base = f"http://127.0.0.1:{free_port()}"
    backoff = Backoff(attempts=3, first_s=1, jitter=0)
    with (
        RatchetClient(base, backoff=backoff, pause=pauses.append) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.retry("j1")  # not repeatable, but nobody ever got it

    assert pauses == [1, 2]


def test_an_answer_that_does_not_come_is_a_time_out() -> None:
    def never(_: socket.socket, server: HttpServer) -> None:
        server.stopping.wait()

    with serve_raw(never) as server:
        base = server.url("").rstrip("/")
        once = Backoff(attempts=1)
        with (
            RatchetClient(base, timeout_s=0.1, backoff=once) as client,
            pytest.raises(CallTimedOut),
        ):
            client.job("j1")


def test_a_call_that_broke_off_is_only_repeated_where_that_is_safe() -> None:
    def hang_up(connection: socket.socket, _: HttpServer) -> None:
        connection.close()

    pauses: list[float] = []
    with serve_raw(hang_up) as server:
        base = server.url("").rstrip("/")
        backoff = Backoff(attempts=2, first_s=1, jitter=0)
        with RatchetClient(base, backoff=backoff, pause=pauses.append) as client:
            with pytest.raises(ConnectionFailed):
                client.retry("j1")
            assert pauses == []
            with pytest.raises(ConnectionFailed):
                client.job("j1")

    assert pauses == [1]


def test_the_token_is_sent_and_never_told() -> None:
    with (
        answering(problem(401), token="s3cret-t0ken") as (client, _),
        pytest.raises(AuthenticationFailed) as caught,
    ):
        client.job("j1")

    assert received(client)[0].headers["authorization"] == "Bearer s3cret-t0ken"
    assert "s3cret" not in f"{caught.value!r} {client!r}"


def test_names_are_quoted_into_the_path() -> None:
    with answering(*[said(200, {})] * 2) as (client, _):
        client.task("a/b?c")
        client.task("payments.refund@1.2.0")
        paths = [call.path for call in received(client)]

    assert paths == ["/api/v1/tasks/a%2Fb%3Fc", "/api/v1/tasks/payments.refund@1.2.0"]


def test_waiting_looks_less_and_less_often_and_gives_up() -> None:
    times = iter([0.0, 0.0, 1.0, 5.0])
    with (
        answering(*[said(200, JOB)] * 3) as (client, pauses),
        pytest.raises(JobNotFinished, match="within 5 s; it goes on"),
    ):
        client.wait("j1", timeout_s=5, clock=lambda: next(times))

    assert pauses == pytest.approx([0.05, 0.075])


def test_a_list_is_walked_by_its_cursor_until_there_is_none() -> None:
    pages = [
        said(200, {"items": [{"id": "a"}], "total": 2, "next_cursor": "after-a"}),
        said(200, {"items": [{"id": "b"}], "total": 2, "next_cursor": None}),
    ]
    with answering(*pages) as (client, _):
        assert [job["id"] for job in client.jobs(size=1, status="failed")] == ["a", "b"]
        paths = [call.path for call in received(client)]

    assert paths == [
        "/api/v1/jobs?status=failed&limit=1",
        "/api/v1/jobs?status=failed&limit=1&cursor=after-a",
    ]


def test_pages_of_the_tasker_dialect_are_walked_by_number() -> None:
    def respond(call: Received) -> Answer:
        task_id = "a" if "page=1&" in call.path else "b"
        return said(200, {"tasks": [{"id": task_id}], "pagination": {"total_pages": 2}})

    with serve(respond) as server, TaskerClient(server.url("").rstrip("/")) as client:
        assert [task["id"] for task in client.tasks(size=1)] == ["a", "b"]
