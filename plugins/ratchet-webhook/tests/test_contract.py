"""The promises of every output destination and of every webhook source, kept by this plugin."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import pytest

from ratchet_core.sdk import OutputDestination, WebhookSource
from ratchet_core.testing import (
    OutputDestinationContract,
    WebhookSourceContract,
    local_client,
)
from ratchet_webhook import (
    GithubWebhook,
    HmacWebhook,
    SlackWebhook,
    StandardWebhook,
    StripeWebhook,
    WebhookDestination,
)
from tests.http_server import Answer, HttpServer, serve, serve_raw

TOKEN = "hunter22-token-of-the-test"
SECRET = "hunter22-secret-of-the-sender"
KEY = base64.b64encode(SECRET.encode()).decode()
Sign = Callable[[bytes, float], Mapping[str, str]]


def say_nothing(connection: socket.socket, _server: HttpServer) -> None:
    """Wait for the client to go away."""
    connection.recv(1)


class TestDestination(OutputDestinationContract):
    @pytest.fixture
    def server(self) -> Iterator[HttpServer]:
        with serve(lambda _request: Answer()) as server:
            yield server

    @pytest.fixture
    def destination(self) -> Iterator[OutputDestination]:
        with local_client() as client:
            yield WebhookDestination(client)

    def options(self, server: HttpServer) -> Mapping[str, Any]:
        return {"url": server.url(), "auth": {"type": "bearer", "token": TOKEN}}

    @pytest.fixture
    def good_options(self, server: HttpServer) -> Mapping[str, Any]:
        return self.options(server)

    @pytest.fixture
    def received(self, server: HttpServer) -> Any:
        return lambda: [orjson.loads(request.body) for request in server.received]

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        url = "http://127.0.0.1/"
        return [{}, {"url": "ftp://x"}, {"url": url, "method": "TRACE"}, {"url": url, "hdrs": {}}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": "http://127.0.0.1:1/", "auth": {"type": "bearer", "token": TOKEN}}

    @pytest.fixture
    def refusing_options(self) -> Iterator[Mapping[str, Any]]:
        with serve(lambda _request: Answer(status=400)) as server:
            yield self.options(server)

    @pytest.fixture
    def silent_options(self) -> Iterator[Mapping[str, Any]]:
        with serve_raw(say_nothing) as server:
            yield self.options(server)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [TOKEN]


def digest(signed: bytes, key: bytes = SECRET.encode()) -> str:
    return hmac.new(key, signed, hashlib.sha256).hexdigest()


class SourceContract(WebhookSourceContract):
    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return {"secret": SECRET}

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"secret": ""}, {"secret": SECRET, "secrt": 1}]

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET, KEY]


class TestStandard(SourceContract):
    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return StandardWebhook

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return {"secret": f"whsec_{KEY}"}

    @pytest.fixture
    def sign(self) -> Sign:
        def sign(body: bytes, at: float) -> Mapping[str, str]:
            name, sent_at = uuid.uuid4().hex, str(int(at))
            made = hmac.new(SECRET.encode(), f"{name}.{sent_at}.".encode() + body, hashlib.sha256)
            signature = base64.b64encode(made.digest()).decode()
            return {
                "webhook-id": name,
                "webhook-timestamp": sent_at,
                "webhook-signature": f"v1,{signature}",
            }

        return sign


class TestGithub(SourceContract):
    checks_age = False  # GitHub signs no time

    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return GithubWebhook

    @pytest.fixture
    def sign(self) -> Sign:
        return lambda body, _at: {
            "X-GitHub-Delivery": uuid.uuid4().hex,
            "X-Hub-Signature-256": f"sha256={digest(body)}",
        }


class TestStripe(SourceContract):
    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return StripeWebhook

    @pytest.fixture
    def sign(self) -> Sign:
        def sign(body: bytes, at: float) -> Mapping[str, str]:
            signature = digest(f"{int(at)}.".encode() + body)
            return {"Stripe-Signature": f"t={int(at)},v1={signature}"}

        return sign


class TestSlack(SourceContract):
    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return SlackWebhook

    @pytest.fixture
    def sign(self) -> Sign:
        def sign(body: bytes, at: float) -> Mapping[str, str]:
            signature = digest(f"v0:{int(at)}:".encode() + body)
            return {
                "X-Slack-Request-Timestamp": str(int(at)),
                "X-Slack-Signature": f"v0={signature}",
            }

        return sign


class TestHmac(SourceContract):
    optional_headers = ("X-Webhook-Id",)

    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return HmacWebhook

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return {"secret": SECRET, "timestamp_header": "X-Sent-At"}

    @pytest.fixture
    def sign(self) -> Sign:
        return lambda body, at: {
            "X-Webhook-Id": uuid.uuid4().hex,
            "X-Sent-At": str(int(at)),
            "X-Webhook-Signature": digest(f"{int(at)}.".encode() + body),
        }
