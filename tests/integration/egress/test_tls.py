"""TLS: the certificate must be the host's, though the connection goes to a pinned address."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Protocol

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.sdk.http import HttpRequest, HttpTimeout, NetworkFailure
from tests.http_server import Answer, HttpServer, serve, serve_raw

POLICY = EgressPolicy(("127.0.0.1",), ())


class Tls(Protocol):
    """What the fixture gives."""

    server: Any
    ca_file: str


def local(_: str, port: int, **__: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_a_host_with_its_own_certificate_is_served_and_the_connection_kept(tls: Tls) -> None:
    client = PinnedClient(POLICY, resolver=local, ca_file=tls.ca_file)

    with serve(lambda _: Answer(body=b"x"), tls.server) as server, contextlib.closing(client):
        for _ in range(3):
            url = server.url(host="secure.test")
            assert client.request(HttpRequest(url=url)).body == b"x"

    assert len({received.peer for received in server.received}) == 1
    assert server.received[0].headers["host"] == f"secure.test:{server.port}"


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
def test_a_certificate_of_another_host_is_not_accepted(tls: Tls, host: str) -> None:
    client = PinnedClient(POLICY, resolver=local, ca_file=tls.ca_file)

    with serve(lambda _: Answer(), tls.server) as server:
        with pytest.raises(NetworkFailure, match="certificate was not accepted"):
            client.request(HttpRequest(url=server.url(host=host)))

        assert server.received == []


def test_a_certificate_of_an_unknown_authority_is_accepted_only_when_told_so(tls: Tls) -> None:
    strict = PinnedClient(POLICY, resolver=local)
    lenient = PinnedClient(POLICY, resolver=local, verify_tls=False)

    with serve(lambda _: Answer(), tls.server) as server, contextlib.closing(lenient):
        request = HttpRequest(url=server.url(host="secure.test"))
        with pytest.raises(NetworkFailure, match="certificate was not accepted: unable to get"):
            strict.request(request)
        assert lenient.request(request).status == 200


def test_a_server_without_tls_is_a_network_failure(tls: Tls) -> None:
    client = PinnedClient(POLICY, resolver=local, ca_file=tls.ca_file)

    with serve(lambda _: Answer()) as server, pytest.raises(NetworkFailure, match="TLS failed"):
        client.request(HttpRequest(url=f"https://secure.test:{server.port}/"))


def test_a_server_that_never_shakes_hands_does_not_outlast_the_limit() -> None:
    client = PinnedClient(POLICY, resolver=local)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://secure.test:{silent.getsockname()[1]}/"
        with pytest.raises(HttpTimeout):
            client.request(HttpRequest(url=url, timeout_s=0.4))


def test_a_server_that_trickles_through_tls_does_not_outlast_the_limit(tls: Tls) -> None:
    def talk(connection: socket.socket, server: HttpServer) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not server.stopping.wait(0.05):
            connection.sendall(b"x")

    client = PinnedClient(POLICY, resolver=local, ca_file=tls.ca_file)
    with serve_raw(talk, tls.server) as server, pytest.raises(HttpTimeout):
        client.request(HttpRequest(url=server.url(host="secure.test"), timeout_s=0.4))
