"""API keys in both headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_apikey import ApiKeyAuthenticator
from ratchet_core.sdk import (
    AuthenticationFailed,
    AuthenticatorSettings,
    HttpRequest,
    HttpResponse,
    NetworkFailure,
    Principal,
    RequestView,
)

GOOD = "rtk_abcdefghijkl_good"


class OneKey:
    """A store that holds one key."""

    def is_key(self, text: str) -> bool:
        return text.startswith("rtk_")

    def find(self, text: str) -> Principal | None:
        return Principal(id="abcdefghijkl", roles=("viewer",)) if text == GOOD else None


class NoNetwork:
    """A machine without a network."""

    def request(self, request: HttpRequest) -> HttpResponse:
        raise NetworkFailure("there is none")


@pytest.fixture
def authenticator(tmp_path: Path) -> ApiKeyAuthenticator:
    settings = AuthenticatorSettings(http=NoNetwork(), data_dir=tmp_path, keys=OneKey())
    return ApiKeyAuthenticator(settings)


def view(**headers: str) -> RequestView:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RequestView(method="GET", path="/", headers=named)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {GOOD}"},
        {"authorization": f"bearer   {GOOD}"},
        {"x_api_key": GOOD},
        {"x_api_key": GOOD, "authorization": f"Bearer {GOOD}"},
        {"x_api_key": GOOD, "authorization": "Bearer a.b.c"},
    ],
)
def test_a_good_key_is_taken_from_either_header(
    authenticator: ApiKeyAuthenticator, headers: dict[str, str]
) -> None:
    known = authenticator.authenticate(view(**headers))

    assert known is not None
    assert known.id == "abcdefghijkl"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer a.b.c"}, {"authorization": f"Basic {GOOD}"}],
)
def test_other_credentials_are_left_to_the_next(
    authenticator: ApiKeyAuthenticator, headers: dict[str, str]
) -> None:
    assert authenticator.authenticate(view(**headers)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": ""},
        {"x_api_key": "wrong"},
        {"x_api_key": GOOD + "x"},
        {"authorization": "Bearer rtk_wrong"},
        {"x_api_key": GOOD, "authorization": "Bearer rtk_wrong"},
    ],
)
def test_a_wrong_key_is_refused_and_not_passed_on(
    authenticator: ApiKeyAuthenticator, headers: dict[str, str]
) -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        authenticator.authenticate(view(**headers))

    assert "rtk_" not in refused.value.message
