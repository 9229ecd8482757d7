from __future__ import annotations

import pytest

from ratchet_core.api.door.origin import OriginRules, check_host, check_origin, cors_headers
from ratchet_core.api.door.refusal import HostRefused, OriginRefused

OPEN = OriginRules(
    allowed_hosts=frozenset({"ratchet.example.com"}),
    allowed_origins=frozenset({"https://app.example.com"}),
    allowed_methods=("GET", "POST"),
    allowed_headers=("Content-Type",),
)
HOST = "127.0.0.1:8080"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "127.0.0.1:8080",
        "127.8.8.8",
        "[::1]:8080",
        "RATCHET.example.com",
        "ratchet.example.com:8443",
        None,
    ],
)
def test_loopback_and_allowed_hosts_are_served(host: str | None) -> None:
    check_host(host, OPEN)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8080",
        "10.0.0.1",
        "0.0.0.0:8080",
        "[::2]",
        "",
        "ratchet.example.com.evil.example",
    ],
)
def test_other_hosts_are_refused_while_authentication_is_off(host: str) -> None:
    with pytest.raises(HostRefused, match="allowed_hosts"):
        check_host(host, OPEN)


def test_any_host_is_served_with_authentication() -> None:
    check_host("anything.example", OriginRules(authenticated=True))


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8080", "https://127.0.0.1:8080", "https://app.example.com", None]
)
def test_our_own_and_allowed_pages_may_change_things(origin: str | None) -> None:
    check_origin(origin, HOST, "POST", OPEN)


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:3000", "https://evil.example", "null", "", "file://127.0.0.1:8080"]
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_other_pages_may_not(origin: str, method: str) -> None:
    with pytest.raises(OriginRefused, match="allowed_origins"):
        check_origin(origin, HOST, method, OPEN)


def test_other_pages_may_read_as_any_link_does() -> None:
    check_origin("https://evil.example", HOST, "GET", OPEN)


def test_an_allowed_page_is_told_that_it_may_read() -> None:
    headers = cors_headers("https://app.example.com", OPEN, preflight=True)

    assert headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert headers["Access-Control-Allow-Headers"] == "Content-Type"


def test_another_page_is_told_nothing() -> None:
    assert cors_headers("https://evil.example", OPEN) == {"Vary": "Origin"}


def test_a_star_lets_pages_read_and_does_not_let_them_change() -> None:
    rules = OriginRules(allowed_origins=frozenset({"*"}))

    assert "Access-Control-Allow-Origin" in cors_headers("https://any.example", rules)
    with pytest.raises(OriginRefused):
        check_origin("https://any.example", HOST, "POST", rules)
