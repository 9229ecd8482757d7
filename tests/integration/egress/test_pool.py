"""Kept connections: reuse, threads, forks, and servers that close them."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.egress.pool import MAX_IDLE_PER_KEY
from ratchet_core.sdk.http import HttpRequest, HttpResponse, NetworkFailure
from tests.http_server import Answer, HttpServer, Received, serve, serve_raw

POLICY = EgressPolicy(("127.0.0.1", "localhost"), ())


def echo(received: Received) -> Answer:
    return Answer(body=received.path.encode())


@pytest.fixture
def client() -> Iterator[PinnedClient]:
    with contextlib.closing(PinnedClient(POLICY, timeout_s=20)) as made:
        yield made


def get(client: PinnedClient, server: HttpServer, path: str = "/") -> HttpResponse:
    return client.request(HttpRequest(url=server.url(path)))


def test_a_connection_serves_one_request_after_the_other(client: PinnedClient) -> None:
    with serve(echo) as server:
        for number in range(20):
            assert get(client, server, f"/{number}").body == f"/{number}".encode()

    assert len({received.peer for received in server.received}) == 1


def test_many_threads_get_their_own_answers(client: PinnedClient) -> None:
    paths = [f"/{number}" for number in range(400)]

    with serve(echo) as server, ThreadPoolExecutor(32) as threads:
        bodies = list(threads.map(lambda path: get(client, server, path).body, paths))
        kept = len(client._transport.pool._state.idle)

    assert bodies == [path.encode() for path in paths]
    assert kept <= MAX_IDLE_PER_KEY


def test_a_connection_that_the_server_closed_is_not_used_again(client: PinnedClient) -> None:
    def respond(received: Received) -> Answer:
        return Answer(headers={"Connection": "close"}, body=received.path.encode())

    with serve(respond) as server:
        assert [get(client, server, f"/{n}").body for n in range(3)] == [b"/0", b"/1", b"/2"]

    assert len({received.peer for received in server.received}) == 3


def closing_under_our_hands(connection: socket.socket, _: HttpServer) -> None:
    """Answer the first request on a connection, and close it when the second one comes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.recv(65_536)


def test_a_request_that_may_be_repeated_is_when_its_kept_connection_breaks(
    client: PinnedClient,
) -> None:
    with serve_raw(closing_under_our_hands) as server:
        assert [get(client, server).status for _ in range(4)] == [200] * 4


def test_one_that_may_not_be_repeated_fails_and_says_so(client: PinnedClient) -> None:
    with serve_raw(closing_under_our_hands) as server:
        get(client, server)
        with pytest.raises(NetworkFailure, match="broke"):
            client.request(HttpRequest(url=server.url(), method="POST", body=b"x"))


def test_an_answer_that_nobody_asked_for_answers_nobody(client: PinnedClient) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def respond(received: Received) -> Answer:
        if received.path == "/first":
            return Answer(headers={"Content-Length": "4"}, body=b"good" + evil)
        return echo(received)

    with serve(respond) as server:
        assert get(client, server, "/first").body == b"good"
        assert get(client, server, "/second").body == b"/second"


def test_a_child_process_makes_connections_of_its_own(client: PinnedClient) -> None:
    with serve(echo) as server:
        get(client, server, "/parent")
        # The lock is held, as by a thread that does not survive the fork.
        with client._transport.pool._state.lock:
            child = _fork_and_get(client, server)
        _, status = os.waitpid(child, 0)
        get(client, server, "/parent")

    assert status == 0
    peers = {received.path: received.peer for received in server.received}
    assert set(peers) == {"/parent", "/child"}
    assert len({received.peer for received in server.received}) == 2


def _fork_and_get(client: PinnedClient, server: HttpServer) -> int:
    """Make a request in a child, which ends with 0 when it got its answer."""
    child = os.fork()
    if child:
        return child
    try:
        watchdog = threading.Timer(15, os._exit, (2,))
        watchdog.start()
        os._exit(0 if get(client, server, "/child").body == b"/child" else 1)
    except BaseException:  # noqa: BLE001 - a child of a test must not run on as a second pytest
        os._exit(3)
