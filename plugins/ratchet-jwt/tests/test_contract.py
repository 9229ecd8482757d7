"""The promises of every authenticator, kept by this one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
import pytest

from ratchet_core.sdk import Authenticator, RequestView
from ratchet_core.testing import AuthenticatorContract, authenticator_settings, request_view
from ratchet_jwt.authenticator import JwtAuthenticator

SECRET = "canary-hs256-secret-0123456789abcdef"


def bearer(name: str, secret: str = SECRET, lasts_s: int = 600, **more: Any) -> RequestView:
    """Return a request with a token."""
    claims = {"sub": name, "exp": int(time.time()) + lasts_s, "roles": ["viewer"], **more}
    token = jwt.encode(claims, secret, "HS256")
    return request_view({"Authorization": f"Bearer {token}"})


class TestJwt(AuthenticatorContract):
    @pytest.fixture
    def authenticator(self, tmp_path: Path) -> Authenticator:
        return JwtAuthenticator(authenticator_settings(tmp_path, own={"secret": SECRET}))

    @pytest.fixture
    def good_requests(self) -> Mapping[str, RequestView]:
        return {name: bearer(name) for name in ("alice", "bob")}

    @pytest.fixture
    def bad_requests(self) -> Sequence[RequestView]:
        other = "another-hs256-secret-0123456789abcdef"
        return [
            bearer("alice", secret=other),
            bearer("alice", lasts_s=-600),
            bearer("alice", type="refresh"),
            request_view({"Authorization": "Bearer aaaaaaaa.bbbbbbbb.cccccccc"}),
        ]

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]

    @pytest.fixture
    def ratchet_options(self) -> Mapping[str, Any]:
        auth = {"authentication_enabled": True, "authenticator_class": "jwt"}
        own = {"settings": {"jwt": {"secret": SECRET}}}
        return {"plugins": ["jwt"], "settings": {"auth": auth, "plugins": own}}
