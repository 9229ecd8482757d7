"""The client of the egress room against answers that are too large, encoded, or none at all."""

from __future__ import annotations

import contextlib
import gzip
import socket
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet_core.egress import PinnedClient
from ratchet_core.sdk.http import EgressRefused, HttpRequest, HttpResponse, NetworkFailure
from tests.http_server import Answer, HttpServer, Received, serve, serve_raw


def get(client: PinnedClient, url: str, **options: Any) -> HttpResponse:
    return client.request(HttpRequest(url=url, **options))


# ── size ───────────────────────────────────────────────────────────────────────────────────────


def chunked(_: Received) -> Answer:
    body = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    return Answer(headers={"Transfer-Encoding": "chunked"}, body=body * 20 + b"0\r\n\r\n")


@pytest.mark.parametrize("respond", [lambda _: Answer(body=b"x" * 20_000), chunked])
def test_an_answer_over_the_limit_is_refused_and_one_at_it_is_not(
    client: PinnedClient, respond: Callable[[Received], Answer]
) -> None:
    with serve(respond) as server:
        assert len(get(client, server.url(), max_body_bytes=20_000).body) == 20_000
        with pytest.raises(EgressRefused, match="larger than 19999 bytes") as caught:
            get(client, server.url(), max_body_bytes=19_999)

    assert caught.value.code == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_a_bomb_is_stopped_before_it_fills_the_memory(client: PinnedClient, encoding: str) -> None:
    zeros = bytes(200_000_000)
    body = zlib.compress(zeros) if encoding == "deflate" else gzip.compress(zeros, 9)
    body = gzip.compress(body) if encoding == "gzip, gzip" else body
    del zeros

    with (
        serve(lambda _: Answer(headers={"Content-Encoding": encoding}, body=body)) as server,
        pytest.raises(EgressRefused, match="larger than 10485760 bytes"),
    ):
        get(client, server.url())


def test_an_encoded_answer_is_decoded(client: PinnedClient) -> None:
    answer = Answer(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"plain"))

    with serve(lambda _: answer) as server:
        assert get(client, server.url()).body == b"plain"


# ── broken servers ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_a_network_failure_in_our_words(
    client: PinnedClient, answer: bytes
) -> None:
    def talk(connection: socket.socket, _: HttpServer) -> None:
        connection.sendall(answer)

    with serve_raw(talk) as server, pytest.raises(NetworkFailure) as caught:
        get(client, server.url("/path?token=secret"))

    assert caught.value.message.startswith(f"GET http://127.0.0.1:{server.port}: ")
    assert "secret" not in caught.value.message
    assert "0x" not in caught.value.message
    assert caught.value.__cause__ is None


def test_no_answer_whatsoever_fails_in_another_way(client: PinnedClient) -> None:
    answer = b""

    def talk(connection: socket.socket, _: HttpServer) -> None:
        connection.sendall(answer)

    pieces = st.sampled_from(
        [
            *(b"HTTP/1.1 ", b"200", b"302 Found", b"\r\n", b"\r\n\r\n", b"Location: ", b"http://"),
            *(b"Content-Length: ", b"5", b"-1", b"Transfer-Encoding: chunked", b"0\r\n", b"\xff"),
            *(b"Content-Encoding: gzip", b"\x1f\x8b\x08\x00", b"Connection: keep-alive", b":"),
        ]
    )

    with serve_raw(talk) as server:

        @given(st.lists(pieces | st.binary(max_size=6), max_size=12))
        @settings(max_examples=150, deadline=None, derandomize=True)
        def explore(parts: list[bytes]) -> None:
            nonlocal answer
            answer = b"".join(parts)
            with contextlib.suppress(NetworkFailure, EgressRefused):
                assert get(client, server.url(), timeout_s=5).status >= 100

        explore()
