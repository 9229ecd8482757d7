"""What follows a redirect."""

from __future__ import annotations

import pytest

from ratchet_core.egress.redirect import Hop, redirected
from ratchet_core.egress.target import parse_url

HEADERS = {"authorization": "Bearer x", "content-type": "text/plain", "accept": "*/*"}


def hop(method: str) -> Hop:
    target = parse_url("https://example.com/a")
    return Hop(method=method, target=target, headers=HEADERS, body=b"body")


@pytest.mark.parametrize(
    ("status", "method", "following"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "HEAD", "HEAD"),
        (301, "GET", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_the_status_decides_the_method_that_follows(
    status: int, method: str, following: str
) -> None:
    assert redirected(hop(method), status, parse_url("https://example.com/b")).method == following


def test_a_post_that_becomes_a_get_loses_its_body_and_what_described_it() -> None:
    following = redirected(hop("POST"), 302, parse_url("https://example.com/b"))

    assert following.body is None
    assert following.headers == {"authorization": "Bearer x", "accept": "*/*"}


@pytest.mark.parametrize(
    "url", ["https://other.example/", "https://example.com:444/", "http://example.com/"]
)
def test_credentials_do_not_follow_to_another_origin(url: str) -> None:
    following = redirected(hop("POST"), 307, parse_url(url))

    assert following.body == b"body"
    assert following.headers == {"content-type": "text/plain", "accept": "*/*"}


def test_a_location_is_read_relative_to_where_it_came_from() -> None:
    target = parse_url("https://example.com/a/b?c")

    assert target.join("../d?e#f").url == "https://example.com/d?e"
    assert target.join("//other.example").url == "https://other.example/"
