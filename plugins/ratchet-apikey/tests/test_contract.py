"""The promises of every authenticator, kept by this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ratchet_apikey import ApiKeyAuthenticator
from ratchet_core.sdk import Authenticator, Principal, RequestView
from ratchet_core.testing import AuthenticatorContract, authenticator_settings, request_view

KEYS = {"rtk_abcdefghijkl_secret1": "abcdefghijkl", "rtk_mnopqrstuvwx_secret2": "mnopqrstuvwx"}


class TwoKeys:
    """A store that holds two keys."""

    def is_key(self, text: str) -> bool:
        return text.startswith("rtk_")

    def find(self, text: str) -> Principal | None:
        return Principal(id=KEYS[text], roles=("viewer",)) if text in KEYS else None


class TestApiKey(AuthenticatorContract):
    @pytest.fixture
    def authenticator(self, tmp_path: Path) -> Authenticator:
        return ApiKeyAuthenticator(authenticator_settings(tmp_path, keys=TwoKeys()))

    @pytest.fixture
    def good_requests(self) -> Mapping[str, RequestView]:
        first, second = KEYS
        return {
            KEYS[first]: request_view({"X-API-Key": first}),
            KEYS[second]: request_view({"X-API-Key": second}),
        }

    @pytest.fixture
    def bad_requests(self) -> Sequence[RequestView]:
        return [
            request_view({"X-API-Key": "rtk_abcdefghijkl_wrong"}),
            request_view({"Authorization": "Bearer rtk_unknown_unknown"}),
        ]
