"""Request headers and which of them are credentials."""

from __future__ import annotations

import pytest

from ratchet_core.egress.headers import (
    check_method,
    encode_value,
    is_credential,
    prepare_headers,
)
from ratchet_core.sdk.http import EgressRefused


def test_names_are_lower_case_and_the_defaults_fill_in() -> None:
    headers = prepare_headers({"Content-Type": "text/plain", "ACCEPT": "text/html"}, "Ratchet/1.0")

    assert headers == {
        "accept": "text/html",
        "accept-encoding": "gzip, deflate",
        "content-type": "text/plain",
        "user-agent": "Ratchet/1.0",
    }


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Expect", "Upgrade"]
)
def test_a_header_that_would_change_the_framing_is_dropped(name: str) -> None:
    assert name.lower() not in prepare_headers({name: "x"}, "agent")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a:b", "x"),
        ("a\r\nb", "x"),
        ("\u00e4", "x"),
        ("a", "x\r\nb: c"),
        ("a", "x\n"),
        ("a", "\0"),
    ],
)
def test_a_header_that_would_start_another_is_refused(name: str, value: str) -> None:
    with pytest.raises(EgressRefused) as caught:
        prepare_headers({name: value}, "agent")

    assert caught.value.code == "INVALID_REQUEST"


def test_a_value_goes_out_as_latin_1_where_it_fits_and_else_as_utf_8() -> None:
    assert encode_value("a", "\u00fc") == b"\xfc"
    assert encode_value("a", "\u20ac") == b"\xe2\x82\xac"
    with pytest.raises(EgressRefused, match="lone surrogate"):
        encode_value("a", "\ud800")


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Cookie",
        "X-API-Key",
        "x-auth-token",
        "X-Signature",
        "Session",
        "dd-api-key",
    ],
)
def test_a_header_named_like_a_key_is_a_credential(name: str) -> None:
    assert is_credential(name)


@pytest.mark.parametrize("name", ["Accept", "Content-Type", "Idempotency-Key", "X-Request-ID"])
def test_a_plain_header_is_none(name: str) -> None:
    assert not is_credential(name)


@pytest.mark.parametrize("method", ["", "CONNECT", "trace", "GET /", "GET\r\n", "G\u00c4T"])
def test_a_method_that_speaks_to_proxies_or_is_none_is_refused(method: str) -> None:
    with pytest.raises(EgressRefused):
        check_method(method)


def test_a_method_is_upper_case() -> None:
    assert check_method("patch") == "PATCH"
