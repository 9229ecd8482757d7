"""The promises of every step handler, kept by this one."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ratchet_core.sdk import StepHandler
from ratchet_core.testing import StepExample, StepHandlerContract
from ratchet_http import HttpHandler
from tests.http_server import Answer, HttpServer, Received, serve, serve_raw

TOKEN = "hunter22-token-of-the-test"


def answer(request: Received) -> Answer:
    """Answer with the status that the path names."""
    return Answer(
        status=int(request.path.strip("/")),
        headers={"Content-Type": "application/json"},
        body=b'{"answer": 42}',
    )


def say_nothing(connection: socket.socket, _server: HttpServer) -> None:
    """Wait for the client to go away."""
    connection.recv(1)


class TestHttpHandler(StepHandlerContract):
    @pytest.fixture
    def api(self) -> Iterator[HttpServer]:
        with serve(answer) as server:
            yield server

    @pytest.fixture
    def handler(self) -> StepHandler:
        return HttpHandler()

    def step(self, api: HttpServer, status: int) -> StepExample:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return StepExample(config={"url": f"{api.url()}/{status}", "headers": headers})

    @pytest.fixture
    def good_step(self, api: HttpServer) -> StepExample:
        return self.step(api, 200)

    @pytest.fixture
    def bad_configs(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"url": "ftp://host/"}, {"url": "http://host/", "methodd": "GET"}]

    @pytest.fixture
    def permanent_steps(self, api: HttpServer) -> Sequence[StepExample]:
        return [self.step(api, status) for status in (400, 401, 404)]

    @pytest.fixture
    def retryable_steps(self, api: HttpServer) -> Sequence[StepExample]:
        nobody = StepExample(config={"url": "http://127.0.0.1:1/"})
        return [nobody, *(self.step(api, status) for status in (429, 500, 503))]

    @pytest.fixture
    def long_step(self) -> Iterator[StepExample]:
        with serve_raw(say_nothing) as server:
            yield StepExample(config={"url": server.url()}, timeout_s=0.5)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [TOKEN]
