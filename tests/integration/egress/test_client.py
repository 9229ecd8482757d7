"""The client of the egress room against real servers: policy, redirects, limits, errors.

127.0.0.1 plays the public internet (it is on the allow-list), 127.0.0.2 and 10.0.0.1 the private
network.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.sdk.http import (
    EgressRefused,
    HttpRequest,
    HttpResponse,
    HttpTimeout,
    NetworkFailure,
)
from tests.http_server import Answer, HttpServer, Received, serve, serve_raw

POLICY = EgressPolicy(("127.0.0.1",), ())


def resolver(names: Mapping[str, list[str]]) -> Callable[..., list[Any]]:
    """A name server of our own: host to addresses."""

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in names[host]]

    return look_up


def echo(received: Received) -> Answer:
    return Answer(headers={"X-Method": received.method}, body=received.body or b"empty")


def get(client: PinnedClient, url: str, **options: Any) -> HttpResponse:
    return client.request(HttpRequest(url=url, **options))


def test_a_request_arrives_as_it_was_meant_and_so_does_the_answer(client: PinnedClient) -> None:
    with serve(echo) as server:
        response = client.request(
            HttpRequest(
                method="post",
                url=server.url("/a b?c=\u00fc"),
                headers={"X-Name": "\u20ac", "Host": "evil", "Content-Length": "99"},
                body=b"hello",
            )
        )

    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/a%20b?c=%C3%BC")
    assert received.headers["host"] == f"127.0.0.1:{server.port}"
    assert received.headers["content-length"] == "5"
    assert received.headers["user-agent"] == "Ratchet/1.0"
    assert received.headers["x-name"].encode("latin-1") == "\u20ac".encode()
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
    assert response.headers["x-method"] == "POST"
    assert response.url == server.url("/a%20b?c=%C3%BC")


@pytest.mark.parametrize("status", [201, 204, 304, 400, 404, 429, 500, 503, 599])
def test_an_answer_comes_back_whatever_its_status(client: PinnedClient, status: int) -> None:
    with serve(lambda _: Answer(status=status)) as server:
        response = get(client, server.url())

    assert response.status == status
    assert response.body == b""


def test_repeated_headers_are_joined(client: PinnedClient) -> None:
    def talk(connection: socket.socket, _: HttpServer) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")

    with serve_raw(talk) as server:
        response = get(client, server.url())

    assert response.headers["a"] == "1, 2"


def test_a_head_has_no_body_and_keeps_its_connection(client: PinnedClient) -> None:
    with serve(echo) as server:
        assert get(client, server.url(), method="HEAD").body == b""
        assert get(client, server.url()).body == b"empty"

    assert len({received.peer for received in server.received}) == 1


# ── addresses ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["127.0.0.2", "127.0.0.1"],
        ["8.8.8.8", "169.254.169.254"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:2"],
    ],
)
def test_one_private_address_among_the_answers_refuses_the_host(addresses: list[str]) -> None:
    client = PinnedClient(POLICY, resolver=resolver({"public.test": addresses}))

    with serve(echo) as server, pytest.raises(EgressRefused, match=r"public\.test .*egress\.allow"):
        get(client, server.url(host="public.test"))

    assert server.received == []


def test_a_name_that_changes_its_mind_reaches_nothing_new() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    asked: list[str] = []

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in next(answers)]

    client = PinnedClient(POLICY, resolver=rebinding)
    with serve(echo) as server, contextlib.closing(client):
        first = get(client, server.url(host="rebind.test"))

        assert first.status == 200
        assert asked == ["rebind.test"]
        assert server.received[0].headers["host"] == f"rebind.test:{server.port}"
        with pytest.raises(EgressRefused):
            get(client, server.url(host="rebind.test"))
        assert len(server.received) == 1


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "127.2", "0x7f000002"])
def test_this_machine_is_refused_by_every_name(host: str) -> None:
    client = PinnedClient(EgressPolicy(self_urls=()))

    with serve(echo) as server, pytest.raises(EgressRefused, match="loopback"):
        get(client, server.url(host=host))

    assert server.received == []


def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    policy = EgressPolicy(("127.0.0.0/8",), ())
    names = {"two.test": ["127.0.0.9", "127.0.0.1"]}
    client = PinnedClient(policy, resolver=resolver(names))

    with serve(echo) as server, contextlib.closing(client):
        assert get(client, server.url(host="two.test")).status == 200


def test_a_proxy_of_the_environment_is_not_used(
    client: PinnedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with serve(echo) as server:
        assert get(client, server.url()).status == 200


# ── the own server ─────────────────────────────────────────────────────────────────────────────


def test_the_own_server_gets_its_headers_and_nobody_else_does() -> None:
    with serve(echo) as own, serve(echo) as other:
        policy = EgressPolicy(("127.0.0.1",), (own.url(),))
        client = PinnedClient(policy, self_headers=lambda _: {"Authorization": "Bearer own"})
        with contextlib.closing(client):
            get(client, own.url())
            get(client, own.url(), headers={"authorization": "Bearer author"})
            get(client, other.url())

    assert [r.headers.get("authorization") for r in own.received] == ["Bearer own", "Bearer author"]
    assert "authorization" not in other.received[0].headers


def test_headers_for_the_own_server_do_not_follow_a_redirect_out() -> None:
    with serve(echo) as other:
        away = Answer(status=302, headers={"Location": other.url("/there")})
        with serve(lambda _: away) as own:
            policy = EgressPolicy(("127.0.0.1",), (own.url(),))
            client = PinnedClient(policy, self_headers=lambda _: {"X-Own": "yes"})
            with contextlib.closing(client):
                get(client, own.url())

    assert own.received[0].headers["x-own"] == "yes"
    assert "x-own" not in other.received[0].headers


def test_nobody_else_may_redirect_to_the_own_server() -> None:
    with serve(echo) as own:
        with serve(lambda _: Answer(status=307, headers={"Location": own.url("/x")})) as other:
            client = PinnedClient(EgressPolicy(("127.0.0.1",), (own.url(),)))
            with contextlib.closing(client), pytest.raises(EgressRefused, match="this server"):
                get(client, other.url(), method="POST", body=b"x")

        assert own.received == []


# ── redirects ──────────────────────────────────────────────────────────────────────────────────


def redirecting(location: str, status: int = 302) -> Callable[[Received], Answer]:
    def respond(received: Received) -> Answer:
        if received.path == "/start":
            return Answer(status=status, headers={"Location": location}, body=b"moved")
        return echo(received)

    return respond


@pytest.mark.parametrize(
    ("status", "method", "body"), [(302, "GET", b"empty"), (307, "POST", b"x")]
)
def test_a_redirect_is_followed(
    client: PinnedClient, status: int, method: str, body: bytes
) -> None:
    with serve(redirecting("end?x#y", status)) as server:
        response = get(client, server.url("/start"), method="POST", body=b"x")

    assert (response.headers["x-method"], response.body) == (method, body)
    assert response.url == server.url("/end?x")


def test_no_redirect_is_followed_when_none_is_wanted(client: PinnedClient) -> None:
    with serve(redirecting("/end")) as server:
        response = get(client, server.url("/start"), max_redirects=0)

    assert (response.status, response.body) == (302, b"moved")


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.2:1/",
        "//0x7f000002/",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1/",
        "http://[bad",
    ],
)
def test_a_redirect_to_where_one_may_not_go_is_refused(client: PinnedClient, location: str) -> None:
    with serve(redirecting(location)) as server, pytest.raises(EgressRefused) as caught:
        get(client, server.url("/start"))

    assert "secret" not in caught.value.message


def test_credentials_stay_behind_when_the_origin_changes(client: PinnedClient) -> None:
    credentials = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c", "X-Plain": "d"}

    with serve(echo) as other, serve(redirecting(other.url("/end"))) as server:
        get(client, server.url("/start"), headers=credentials)

    assert server.received[0].headers["authorization"] == "a"
    kept = {name: other.received[0].headers.get(name.lower()) for name in credentials}
    assert kept == {"Authorization": None, "Cookie": None, "X-Api-Key": None, "X-Plain": "d"}


@pytest.mark.parametrize("limit", [1, 5])
def test_a_loop_of_redirects_ends(client: PinnedClient, limit: int) -> None:
    loop = Answer(status=301, headers={"Location": "/start"})

    with (
        serve(lambda _: loop) as server,
        pytest.raises(NetworkFailure, match=f"more than {limit} redirects"),
    ):
        get(client, server.url("/start"), max_redirects=limit)

    assert len(server.received) == limit + 1


# ── time ───────────────────────────────────────────────────────────────────────────────────────


def took_s(act: Callable[[], object], error: type[Exception]) -> float:
    """Seconds until the error came."""
    start = time.monotonic()
    with pytest.raises(error):
        act()
    return time.monotonic() - start


def trickle(first: bytes, piece: bytes) -> Callable[[socket.socket, HttpServer], None]:
    """Send a byte or so every 50 ms until the client has gone."""

    def talk(connection: socket.socket, server: HttpServer) -> None:
        connection.sendall(first)
        while not server.stopping.wait(0.05):
            connection.sendall(piece)

    return talk


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_a_server_that_trickles_does_not_outlast_the_limit(
    client: PinnedClient, first: bytes, piece: bytes
) -> None:
    with serve_raw(trickle(first, piece)) as server:
        seconds = took_s(lambda: get(client, server.url(), timeout_s=0.4), HttpTimeout)

    assert 0.3 < seconds < 2


def test_the_limit_holds_for_all_redirects_together(client: PinnedClient) -> None:
    def slow(_: Received) -> Answer:
        server.stopping.wait(0.15)
        return Answer(status=302, headers={"Location": "/"})

    with serve(slow) as server:
        seconds = took_s(
            lambda: get(client, server.url(), timeout_s=0.5, max_redirects=1000), HttpTimeout
        )

    assert seconds < 2


def test_a_server_that_never_takes_the_body_does_not_outlast_the_limit(
    client: PinnedClient,
) -> None:
    def talk(_: socket.socket, server: HttpServer) -> None:
        server.stopping.wait(10)

    with serve_raw(talk) as server:
        seconds = took_s(
            lambda: get(client, server.url(), method="POST", body=bytes(50_000_000), timeout_s=0.4),
            HttpTimeout,
        )

    assert seconds < 2


def test_a_name_server_that_is_silent_does_not_outlast_the_limit() -> None:
    answered = threading.Event()

    def silent(*_: Any, **__: Any) -> list[Any]:
        answered.wait(20)
        return []

    client = PinnedClient(POLICY, resolver=silent)
    seconds = took_s(lambda: get(client, "http://slow.test/", timeout_s=0.3), HttpTimeout)
    answered.set()

    assert seconds < 2


def test_a_host_that_does_not_take_connections_does_not_outlast_the_limit() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as filling:
            for _ in range(4):  # a full queue drops what comes after
                waiting = filling.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            client = PinnedClient(POLICY, connect_timeout_s=0.3)
            start = time.monotonic()
            with pytest.raises(HttpTimeout, match=r"no connection within 0\.3 s"):
                get(client, f"http://127.0.0.1:{port}/")

    assert time.monotonic() - start < 2


# ── no server, no request ─────────────────────────────────────────────────────────────────────────


def test_a_refused_connection_and_an_unknown_name_say_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client = PinnedClient(POLICY, resolver=resolver({}))

        with pytest.raises(NetworkFailure, match="refused"):
            get(client, f"http://127.0.0.1:{port}/")
        with pytest.raises(NetworkFailure, match=r"host name nowhere\.test was not found"):
            get(client, "http://nowhere.test/")


def test_a_request_that_cannot_be_written_is_refused(client: PinnedClient) -> None:
    for bad in (
        HttpRequest(url="http://127.0.0.1/", method="G T"),
        HttpRequest(url="http://127.0.0.1/", headers={"a\n": "b"}),
        HttpRequest(url="http://127.0.0.1/", headers={"a": "\ud800"}),
    ):
        with pytest.raises(EgressRefused) as caught:
            client.request(bad)
        assert caught.value.code == "INVALID_REQUEST"
