"""HTTP steps against a real server.

The shapes of Tasker's `dummy_api_task_spec` are here: stored answers of each success, back-off by
`Retry-After` in both forms and without it, and errors that back off by the policy alone.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from ratchet_core.domain.outcome import Failed
from ratchet_core.domain.retry import Backoff, RetryPolicy, decide_retry
from ratchet_core.sdk import (
    AttemptCancelled,
    AttemptTimedOut,
    EgressRefused,
    HttpTimeout,
    NetworkFailure,
    PermanentError,
    RetryableError,
    StepContext,
    StepError,
)
from ratchet_http import HttpHandler
from tests.http_server import Answer, HttpServer, Received, serve

Attempt = Callable[..., StepContext]

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def answer_json(value: Any, status: int = 200, **headers: str) -> Answer:
    plain = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(
        status=status,
        headers={"Content-Type": "application/json", **plain},
        body=orjson.dumps(value),
    )


def process(context: StepContext) -> Any:
    return HttpHandler(clock=lambda: NOW).process(context)


def fail(context: StepContext) -> StepError:
    """The error of an attempt that must fail."""
    with pytest.raises(StepError) as caught:
        process(context)
    return caught.value


def fail_with(attempt: Attempt, status: int, headers: Mapping[str, str] | None = None) -> StepError:
    """The error that a status leads to."""
    with serve(lambda _: Answer(status=status, headers=headers or {}, body=b"no")) as server:
        return fail(attempt({"url": server.url()}))


def delay_s(error: StepError, failures: int) -> float:
    """What the engine's one policy makes of the error, in the middle of the jitter."""
    policy = RetryPolicy(retryable=True, attempt_limit=10, backoff=Backoff())
    failure = Failed(
        error_type=error.error_type,
        message=error.message,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
    )
    decision = decide_retry(policy, failure, failures=failures, losses=0, random=0.5)
    assert decision.retry
    return decision.delay_s


# ── Tasker's dummy_api_task_spec ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "value"), [(200, {"a": [1]}), (201, {"id": 1}), (202, "accepted"), (226, None)]
)
def test_a_success_is_stored_with_status_body_headers_and_url(
    attempt: Attempt, status: int, value: Any
) -> None:
    with serve(lambda _: answer_json(value, status, X_Kind="dummy")) as server:
        result = process(attempt({"url": server.url("/x")}))

    assert result["status"] == status
    assert result["body"] == value
    assert result["headers"]["x-kind"] == "dummy"
    assert result["url"] == server.url("/x")


def test_a_204_is_stored_without_a_body(attempt: Attempt) -> None:
    with serve(lambda _: Answer(status=204)) as server:
        result = process(attempt({"url": server.url()}))

    assert (result["status"], result["body"]) == (204, None)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("-3", 0.0),
        ("Sun, 22 Nov 2026 20:01:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 19:00:00 GMT", 0.0),
        ("100000", 300.0),
    ],
)
def test_a_server_that_says_when_to_come_back_is_taken_at_its_word(
    attempt: Attempt, status: int, value: str, seconds: float
) -> None:
    error = fail_with(attempt, status, {"Retry-After": value})

    assert isinstance(error, RetryableError)
    assert error.code == f"HTTP_{status}"
    assert delay_s(error, failures=1) == seconds


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("failures", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0)])
def test_one_that_does_not_say_backs_off_by_the_policy(
    attempt: Attempt, status: int, failures: int, seconds: float
) -> None:
    error = fail_with(attempt, status)

    assert error.retry_after_s is None
    assert delay_s(error, failures) == seconds


@pytest.mark.parametrize("status", [227, 304, 402, 405, 408, 409, 418, 500, 502, 504, 599])
def test_any_other_error_is_retryable_and_its_retry_after_is_not_looked_at(
    attempt: Attempt, status: int
) -> None:
    error = fail_with(attempt, status, {"Retry-After": "30"})

    assert isinstance(error, RetryableError)
    assert error.code == f"HTTP_{status}"
    assert error.retry_after_s is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_an_answer_that_will_not_change_fails_for_good(attempt: Attempt, status: int) -> None:
    error = fail_with(attempt, status, {"Retry-After": "30"})

    assert isinstance(error, PermanentError)
    assert error.code == f"HTTP_{status}"
    assert error.details is not None
    assert error.details["status"] == status
    assert error.details["body"] == ("no" if status != 304 else "")


# ── the request ────────────────────────────────────────────────────────────────────────────────


def sent(attempt: Attempt, config: Mapping[str, Any], path: str = "/") -> Received:
    """What arrives at the server."""
    with serve(lambda _: Answer()) as server:
        process(attempt({"url": server.url(path), **config}))
    return server.received[0]


def test_a_body_of_json_is_posted_with_its_templates_rendered(attempt: Attempt) -> None:
    received = sent(
        attempt,
        {
            "body": {
                "id": "{{input.id}}",
                "tags": "{{input.tags}}",
                "text": "run {{run.id}} step {{step.name}} try {{attempt}}",
                "n": 1.5,
            },
            "headers": {
                "X-Token": "{{results.before.body.token}}",
                "X-Gone": "{{input.n}}",
                "X-N": 5,
            },
        },
    )

    assert received.method == "POST"
    assert orjson.loads(received.body) == {
        "id": 7,
        "tags": ["a", "b"],
        "text": "run run-1 step call try 2",
        "n": 1.5,
    }
    assert received.headers["content-type"] == "application/json"
    assert received.headers["accept"].startswith("application/json")
    assert received.headers["x-token"] == "t1"
    assert received.headers["x-n"] == "5"
    assert "x-gone" not in received.headers


def test_a_body_of_text_is_sent_as_it_is(attempt: Attempt) -> None:
    received = sent(attempt, {"method": "put", "body": "{{input.city}}!"})

    assert (received.method, received.body) == ("PUT", "Zürich & more!".encode())
    assert received.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_authors_content_type_wins(attempt: Attempt) -> None:
    received = sent(
        attempt, {"body": "a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}}
    )

    assert received.headers["content-type"] == "application/x-www-form-urlencoded"


def test_parameters_are_encoded_into_the_query(attempt: Attempt) -> None:
    params = {"q": "{{input.city}}", "tag": "{{input.tags}}", "none": None, "yes": True, "n": 1}

    received = sent(attempt, {"params": params}, "/s/{{input.city | urlencode}}?a=b")

    assert received.path == (
        "/s/Z%C3%BCrich%20%26%20more?a=b&q=Z%C3%BCrich+%26+more&tag=a&tag=b&yes=true&n=1"
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_changes_something_carries_the_idempotency_key(
    attempt: Attempt, method: str
) -> None:
    assert sent(attempt, {"method": method}).headers["idempotency-key"] == "key-1"


@pytest.mark.parametrize(
    "config",
    [{"method": "GET"}, {"method": "HEAD"}, {"method": "POST", "idempotency_key": False}],
)
def test_one_that_changes_nothing_or_must_not_does_not(
    attempt: Attempt, config: Mapping[str, Any]
) -> None:
    assert "idempotency-key" not in sent(attempt, config).headers


def test_the_authors_idempotency_key_wins(attempt: Attempt) -> None:
    config = {"method": "POST", "headers": {"Idempotency-Key": "{{run.id}}"}}

    assert sent(attempt, config).headers["idempotency-key"] == "run-1"


# ── the answer ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a":1}', {"a": 1}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("APPLICATION/JSON", b"null", None),
        ("application/json", b"{broken", "{broken"),
        ("application/json", b"[" * 100_000, "[" * 100_000),
        ("text/plain", b'{"a":1}', '{"a":1}'),
        ("text/plain; charset=latin-1", b"\xfc", "ü"),
        ("text/plain; charset=nonsense", "ü".encode(), "ü"),
        ("application/octet-stream", b"\xff", "\ufffd"),
    ],
)
def test_a_body_is_parsed_where_it_is_json_and_else_text(
    attempt: Attempt, content_type: str, body: bytes, value: Any
) -> None:
    answer = Answer(headers={"Content-Type": content_type}, body=body)

    with serve(lambda _: answer) as server:
        assert process(attempt({"url": server.url()}))["body"] == value


@pytest.mark.parametrize("status", [200, 404])
def test_expected_statuses_replace_what_counts_as_success(attempt: Attempt, status: int) -> None:
    with serve(lambda _: Answer(status=status)) as server:
        config = {"url": server.url(), "expected_statuses": [404]}
        if status == 404:
            assert process(attempt(config))["status"] == 404
        else:
            assert fail(attempt(config)).code == "HTTP_200"


def test_no_credential_gets_into_a_result_or_a_failure(attempt: Attempt) -> None:
    def respond(received: Received) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "Set-Cookie": "session=hunter2",
            "WWW-Authenticate": "Bearer hunter2",
            "X-Api-Key": "hunter2",
        }
        status = 404 if received.path.startswith("/no") else 200
        body = b'{"password":"hunter2"}' if status == 404 else b"{}"
        return Answer(status=status, headers=headers, body=body)

    with serve(respond) as server:
        result = process(attempt({"url": server.url("/?api_key=hunter2&b=c")}))
        error = fail(attempt({"url": server.url("/no?api_key=hunter2")}))

    assert result["url"] == server.url("/?api_key=********&b=c")
    assert b"hunter2" not in orjson.dumps(result)
    assert "hunter2" not in error.message
    assert b"hunter2" not in orjson.dumps(error.details)


def test_a_failure_keeps_only_the_beginning_of_a_long_body(attempt: Attempt) -> None:
    with serve(lambda _: Answer(status=500, body=b"x" * 100_000)) as server:
        error = fail(attempt({"url": server.url()}))

    assert error.details is not None
    assert len(error.details["body"]) == 2_000


# ── redirects, time, network ───────────────────────────────────────────────────────────────────


def bounce(received: Received) -> Answer:
    if received.path == "/":
        return Answer(status=302, headers={"Location": "/there"})
    return Answer(body=b"there")


def test_redirects_are_followed_unless_told_otherwise(attempt: Attempt) -> None:
    with serve(bounce) as server:
        result = process(attempt({"url": server.url()}))
        error = fail(attempt({"url": server.url(), "max_redirects": 0}))

    assert (result["body"], result["url"]) == ("there", server.url("/there"))
    assert error.code == "HTTP_302"


def silent(server_of: list[HttpServer]) -> Callable[[Received], Answer]:
    def respond(_: Received) -> Answer:
        server_of[0].stopping.wait(10)
        return Answer()

    return respond


@pytest.mark.parametrize(
    ("timeout_s", "remaining_s"), [(0.3, 60.0), (60.0, 0.3)], ids=["own", "deadline"]
)
def test_a_step_waits_no_longer_than_its_limit_nor_its_deadline(
    attempt: Attempt, timeout_s: float, remaining_s: float
) -> None:
    servers: list[HttpServer] = []
    with serve(silent(servers)) as server:
        servers.append(server)
        start = time.monotonic()
        error = fail(
            attempt({"url": server.url(), "timeout_s": timeout_s}, remaining_s=remaining_s)
        )

    assert isinstance(error, HttpTimeout)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"cancelled": True}, AttemptCancelled), ({"remaining_s": -1}, AttemptTimedOut)],
)
def test_nothing_goes_out_once_the_run_is_cancelled_or_the_time_is_over(
    attempt: Attempt, options: Mapping[str, Any], kind: type[StepError]
) -> None:
    with serve(lambda _: Answer()) as server:
        error = fail(attempt({"url": server.url()}, **options))

        assert isinstance(error, kind)
        assert server.received == []


def test_a_broken_network_is_retryable_and_a_refused_address_is_not(attempt: Attempt) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

        assert isinstance(fail(attempt({"url": url})), NetworkFailure)
    refused = fail(attempt({"url": "http://169.254.169.254/latest/meta-data"}))
    assert isinstance(refused, EgressRefused)
    assert "RATCHET_EGRESS_ALLOW" in refused.message


# ── bad configuration and bad input ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"url": "http://127.0.0.1/{{input.nope}}"}, "url: {{input.nope}} has no value"),
        ({"url": "{{input.tags}}"}, "url: must be a text"),
        ({"url": "http://127.0.0.1/", "headers": {"X": "{{input}}"}}, "headers.X: must be a text"),
        ({"url": "http://127.0.0.1/", "params": {"p": "{{input}}"}}, "params.p: must be a text"),
        ({"url": "http://127.0.0.1/", "body": {"a": "{{results.x}}"}}, "body: {{results.x}}"),
        ({"url": "http://127.0.0.1/", "body": "\ud800"}, "body: is no JSON value"),
        ({"url": "http://127.0.0.1/", "params": {"p": "\ud800"}}, "the URL or its params"),
        ({"url": "http://127.0.0.1/", "headers": {"X": "a\r\nb: c"}}, "the value of header 'X'"),
        ({"url": "{{input.city}}"}, "the URL must start with"),
        ({}, "url: is missing"),
        ({"url": "http://127.0.0.1/", "hedaers": {}}, "hedaers: unknown key"),
    ],
)
def test_what_cannot_be_sent_fails_for_good_and_names_the_place(
    attempt: Attempt, config: Mapping[str, Any], place: str
) -> None:
    error = fail(attempt(config))

    assert isinstance(error, PermanentError)
    assert error.message.startswith(place)


def test_a_date_to_come_back_is_read_against_the_clock(attempt: Attempt) -> None:
    later = (datetime.now(UTC) + timedelta(seconds=100)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    with (
        serve(lambda _: Answer(status=503, headers={"Retry-After": later})) as server,
        pytest.raises(RetryableError) as caught,
    ):
        HttpHandler().process(attempt({"url": server.url()}))

    assert caught.value.retry_after_s is not None
    assert 80 < caught.value.retry_after_s <= 100
