"""Webhook sources that break one promise each; see `handlers.py` beside this file."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ratchet_core.sdk import (
    AuthenticationFailed,
    SourceSettings,
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
)
from ratchet_core.testing import WebhookSourceContract

SECRET = "hunter22-of-the-sender"


def signed(name: str, sent_at: str, body: bytes) -> str:
    text = f"{name}.{sent_at}.".encode() + body
    return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


class Sound(WebhookSource):
    """Keeps every promise."""

    name: ClassVar[str] = "own-sender"

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        return [] if isinstance(options.get("secret"), str) else ["secret: must be a text"]

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        name, sent_at, given = (
            request.headers.get(header, "") for header in ("x-id", "x-sent-at", "x-signature")
        )
        self.check_age(sent_at, request.received_at)
        if not hmac.compare_digest(signed(name, sent_at, request.body).encode(), given.encode()):
            raise AuthenticationFailed("the signature is another")
        return VerifiedWebhook(identity=name)

    def check_age(self, sent_at: str, received_at: float) -> None:
        if not sent_at.isascii() or not sent_at.isdigit() or len(sent_at) > 12:
            raise AuthenticationFailed("there is no time of sending")
        if abs(received_at - int(sent_at)) > 300:
            raise AuthenticationFailed("it was sent at another time")


class TestSound(WebhookSourceContract):
    made: ClassVar[type[WebhookSource]] = Sound

    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        return self.made

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return {"secret": SECRET}

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"secret": 7}]

    @pytest.fixture
    def sign(self) -> Callable[[bytes, float], Mapping[str, str]]:
        def sign(body: bytes, at: float) -> Mapping[str, str]:
            name, sent_at = uuid.uuid4().hex, str(int(at))
            signature = signed(name, sent_at, body)
            return {"X-Id": name, "X-Sent-At": sent_at, "X-Signature": signature}

        return sign

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]


class TrustsEverybody(Sound):
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        return VerifiedWebhook(identity=request.headers.get("x-id"))


class TestTrustsEverybody(TestSound):
    made = TrustsEverybody


class ForgetsTheTime(Sound):
    def check_age(self, sent_at: str, received_at: float) -> None:
        """Any time will do."""


class TestForgetsTheTime(TestSound):
    made = ForgetsTheTime


class ReadsTextAlone(Sound):
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        request.body.decode()
        return super().verify(request)


class TestReadsTextAlone(TestSound):
    made = ReadsTextAlone


class NamesByTheTime(Sound):
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        super().verify(request)
        return VerifiedWebhook(identity=uuid.uuid4().hex)


class TestNamesByTheTime(TestSound):
    made = NamesByTheTime


class AsksTheSender(Sound):
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        with socket.socket() as connection:
            connection.connect_ex(("127.0.0.1", 9))
        return super().verify(request)


class TestAsksTheSender(TestSound):
    made = AsksTheSender


class TellsTheSecret(Sound):
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        try:
            return super().verify(request)
        except AuthenticationFailed:
            raise AuthenticationFailed(f"not signed with {SECRET}") from None


class TestTellsTheSecret(TestSound):
    made = TellsTheSecret


class KeepsTheLatest(Sound):
    """Verifies whichever request came last."""

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        self.meeting = threading.Barrier(2)

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        self.latest = request
        try:
            self.meeting.wait(0.02)
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().verify(self.latest)


class TestKeepsTheLatest(TestSound):
    made = KeepsTheLatest
