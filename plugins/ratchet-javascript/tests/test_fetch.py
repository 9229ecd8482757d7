"""fetch: blocking and awaitable, every body, every failure, and a run that ends meanwhile."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from javascript_attempt import PlainClient, attempt

from ratchet_core.sdk import (
    AttemptCancelled,
    AttemptTimedOut,
    HttpRequest,
    HttpResponse,
    PermanentError,
    RetryableError,
)
from ratchet_javascript import JavaScriptHandler
from tests.http_server import Answer, HttpServer, Received, serve


def respond(received: Received) -> Answer:
    match received.path.partition("?")[0]:
        case "/text":
            body = "grüße".encode("latin-1")
            return Answer(body=body, headers={"Content-Type": "text/plain; charset=latin-1"})
        case "/missing":
            return Answer(status=404, body=b'{"error": "gone"}')
        case "/empty":
            return Answer(status=204)
        case "/slow":
            server_is_stopping.wait(10)
            return Answer()
    told = {
        "method": received.method,
        "path": received.path,
        "headers": dict(received.headers),
        "body": received.body.decode("latin-1"),
    }
    return Answer(headers={"X-Seen": "1"}, body=json.dumps(told).encode())


server_is_stopping = threading.Event()


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with serve(respond) as server:
        yield server
        server_is_stopping.set()


def run(handler: JavaScriptHandler, server: HttpServer, body: str, **changes: Any) -> Any:
    source = f"(function ({{ base }}) {{ {body} }})"
    return handler.process(attempt(source, {"base": server.url("")}, **changes))


def test_it_blocks_and_gives_status_headers_and_parsed_body(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    result = run(handler, server, "return fetch(base + '/a?b=1')")

    assert list(result) == ["ok", "status", "statusText", "headers", "body"]
    assert (result["ok"], result["status"], result["statusText"]) == (True, 200, "OK")
    assert result["headers"]["x-seen"] == "1"
    assert (result["body"]["method"], result["body"]["path"]) == ("GET", "/a?b=1")


def test_text_is_decoded_and_left_as_text(handler: JavaScriptHandler, server: HttpServer) -> None:
    assert run(handler, server, "return fetch(base + '/text').body") == "grüße"


def test_a_status_is_never_an_error(handler: JavaScriptHandler, server: HttpServer) -> None:
    body = "const r = fetch(base + '/missing'); return [r.ok, r.status, r.body.error]"

    assert run(handler, server, body) == [False, 404, "gone"]
    assert run(handler, server, "return fetch(base + '/empty').body") == ""


def test_json_and_text_block_too(handler: JavaScriptHandler, server: HttpServer) -> None:
    body = "const r = fetch(base + '/x'); return [r.json().path, JSON.parse(r.text()).path]"

    assert run(handler, server, body) == ["/x", "/x"]


def test_it_can_be_awaited_and_chained(handler: JavaScriptHandler, server: HttpServer) -> None:
    body = """return (async () => {
        const first = await fetch(base + '/1');
        const second = await (await fetch(base + '/2')).json();
        const third = await fetch(base + '/3').then((r) => r.json()).then((told) => told.path);
        const all = await Promise.all([fetch(base + '/4'), fetch(base + '/5')]);
        const text = await first.text();
        return [typeof first.then, second.path, third, all.map((r) => r.body.path), text.length > 5,
            first.headers.get('X-Seen')];
    })()"""

    result = run(handler, server, body)

    assert result == ["undefined", "/2", "/3", ["/4", "/5"], True, "1"]


def test_several_calls_give_several_answers(handler: JavaScriptHandler, server: HttpServer) -> None:
    body = "return [1, 2, 3].map((n) => fetch(`${base}/${n}`).body.path)"

    assert run(handler, server, body) == ["/1", "/2", "/3"]


BODIES = [
    ("{ method: 'POST', body: 'as is' }", None, "as is", None),
    ("{ method: 'POST' }", "{ a: 'ü' }", '{"a":"ü"}', "application/json"),
    ("{ method: 'PUT', body: [1, { b: null }] }", None, '[1,{"b":null}]', "application/json"),
    (
        "{ method: 'post', headers: { 'content-type': 'application/vnd.x+json' }, body: { a: 1 } }",
        None,
        '{"a":1}',
        "application/vnd.x+json",
    ),
    (
        "{ method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }",
        "{ grant: 'a b', scope: ['x', '&y'], none: null }",
        "grant=a+b&scope=x&scope=%26y",
        "application/x-www-form-urlencoded",
    ),
    (
        "{ method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }",
        "'already=form'",
        "already=form",
        "application/x-www-form-urlencoded",
    ),
    (
        "{ method: 'POST', body: new URLSearchParams({ q: '1' }) }",
        None,
        "q=1",
        "application/x-www-form-urlencoded",
    ),
    ("{ method: 'POST', body: new Uint8Array([0, 200, 255]) }", None, "\0\xc8\xff", None),
    ("{ method: 'DELETE', body: JSON.stringify(undefined) }", None, "", None),
]


@pytest.mark.parametrize(("options", "third", "body", "content_type"), BODIES)
def test_bodies_go_out_as_their_type_says(
    handler: JavaScriptHandler,
    server: HttpServer,
    options: str,
    third: str | None,
    body: str,
    content_type: str | None,
) -> None:
    told = run(handler, server, f"return fetch(base + '/', {options}, {third or 'undefined'}).body")

    assert told["body"].encode("latin-1") == (
        body.encode() if "ü" in body else body.encode("latin-1")
    )
    assert told["headers"].get("content-type") == content_type
    assert told["method"].isupper()


def test_headers_may_be_an_object_pairs_or_headers(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    body = """return [{ 'X-A': 1 }, [['x-a', '1']], new Headers({ 'x-A': '1' })]
        .map((headers) => fetch(base + '/', { headers }).body.headers['x-a'])"""

    assert run(handler, server, body) == ["1", "1", "1"]


def test_no_connection_is_a_network_error_that_can_be_caught(handler: JavaScriptHandler) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
    source = """(({ base }) => {
        try { fetch(base) } catch (error) {
            return [error instanceof NetworkError, error instanceof Error, error.name];
        }
    })"""

    assert handler.process(attempt(source, {"base": base})) == [True, True, "NetworkError"]
    with pytest.raises(RetryableError, match="refused") as caught:
        handler.process(attempt("(({ base }) => fetch(base))", {"base": base}))
    assert caught.value.error_type == "NetworkError"


def test_awaited_failures_are_caught_too(handler: JavaScriptHandler) -> None:
    source = """async function main() {
        try { await fetch('http://127.0.0.1:1/') } catch (error) { return error.name }
    }"""

    assert handler.process(attempt(source)) == "NetworkError"


def test_the_timeout_of_a_call_is_in_milliseconds(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    began = time.monotonic()

    with pytest.raises(RetryableError) as caught:
        run(handler, server, "fetch(base + '/slow', { timeout: 80 })")

    assert caught.value.error_type == "TimeoutError"
    assert time.monotonic() - began < 5


def test_an_abort_signal_limits_and_stops_calls(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    body = """
    const caught = [];
    for (const signal of [AbortSignal.timeout(80), AbortSignal.abort()]) {
        try { fetch(base + '/slow', { signal }) } catch (error) { caught.push(error.name) }
    }
    return caught"""

    assert run(handler, server, body) == ["TimeoutError", "AbortError"]


def test_an_address_that_the_policy_refuses_is_a_permanent_network_error(
    handler: JavaScriptHandler,
) -> None:
    source = "(() => { try { fetch('http://10.0.0.1/') } catch (error) { return error.name } })"

    assert handler.process(attempt(source)) == "NetworkError"
    with pytest.raises(PermanentError, match=r"egress\.allow") as caught:
        handler.process(attempt("(() => fetch('http://10.0.0.1/'))"))
    assert caught.value.error_type == "NetworkError"


def test_a_client_that_fails_otherwise_tells_the_script_no_details(
    handler: JavaScriptHandler,
) -> None:
    class Faulty(PlainClient):
        def request(self, request: HttpRequest) -> HttpResponse:
            raise ValueError("secret inside")

    source = "(() => { try { fetch('http://h/p?key=1') } catch (error) { return error.message } })"

    result = handler.process(attempt(source, http=Faulty()))

    assert result == "http://h/p: the request could not be made"


def test_redirects_are_not_followed_when_the_script_says_so(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    client = PlainClient()

    run(handler, server, "fetch(base, { redirect: 'manual' }); fetch(base)", http=client)

    assert [request.max_redirects for request in client.requests] == [0, None]


def test_a_cancelled_run_does_not_wait_for_the_answer(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    stop = threading.Event()
    cancelled_at: list[float] = []

    def cancel() -> None:
        stop.set()
        cancelled_at.append(time.monotonic())

    timer = threading.Timer(0.1, cancel)
    timer.start()

    with pytest.raises(AttemptCancelled):
        run(handler, server, "fetch(base + '/slow')", stop=stop)

    assert time.monotonic() - cancelled_at[0] < 0.5
    timer.join()


def test_the_deadline_holds_while_a_call_waits(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    with pytest.raises(AttemptTimedOut):
        run(handler, server, "fetch(base + '/slow')", timeout_s=0.15)


def test_secrets_do_go_out_where_the_script_sends_them(
    handler: JavaScriptHandler, server: HttpServer
) -> None:
    client = PlainClient()
    source = "(input) => fetch(input.base, { headers: { 'X-Key': input.webhook_secret } }).status"
    context = attempt(
        source, {"base": server.url("/")}, secrets={"webhook_secret": "s3cret-key"}, http=client
    )

    assert handler.process(context) == 200
    assert client.requests[0].headers == {"X-Key": "s3cret-key"}
