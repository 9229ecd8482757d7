"""Tests of the rules about binding and rate limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.config import (
    RateLimit,
    check_bind,
    effective_rate_limit,
    is_loopback,
    load_settings,
)
from ratchet_core.errors import ConfigurationError

OPEN = "0.0.0.0"  # noqa: S104 - the address that the rule is about


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("10.0.0.5", False),
        ("example.org", False),
        ("localhost.evil.example", False),
        ("", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433", False),
    ],
)
def test_only_loopback_counts_as_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"server.bind_address": "::1"},
        {"server.bind_address": OPEN, "server.auth.jwt_secret": "x" * 32},
        {
            "server.bind_address": OPEN,
            "auth.authentication_enabled": True,
            "auth.authenticator_class": "a.B",
        },
        {
            "server.bind_address": OPEN,
            "server.allow_unauthenticated": True,
            "server.allowed_hosts": ["ratchet.local"],
        },
    ],
)
def test_binding_is_allowed_where_nobody_unknown_gets_in(
    overrides: dict[str, object], tmp_path: Path
) -> None:
    check_bind(load_settings(None, {}, overrides, directory=tmp_path).settings)


def test_an_open_address_without_authentication_is_refused_naming_both_ways_out(
    tmp_path: Path,
) -> None:
    settings = load_settings(None, {}, {"server.bind_address": OPEN}, directory=tmp_path).settings

    with pytest.raises(ConfigurationError) as caught:
        check_bind(settings)

    assert "server.auth.jwt_secret" in caught.value.message
    assert "server.allow_unauthenticated: true" in caught.value.message
    assert "server.allowed_hosts" in caught.value.message


def test_allowing_without_hosts_is_refused(tmp_path: Path) -> None:
    overrides = {"server.bind_address": OPEN, "server.allow_unauthenticated": True}
    settings = load_settings(None, {}, overrides, directory=tmp_path).settings

    with pytest.raises(ConfigurationError, match=r"`server\.allowed_hosts` names no host"):
        check_bind(settings)


@pytest.mark.parametrize(
    ("overrides", "limit"),
    [
        ({}, None),
        ({"server.bind_address": OPEN}, RateLimit(600, 600)),
        ({"server.auth.jwt_secret": "x" * 32}, RateLimit(600, 600)),
        ({"server.rate_limit.profile": "strict"}, RateLimit(60, 60)),
        ({"server.rate_limit.profile": "permissive"}, RateLimit(6000, 6000)),
        ({"server.rate_limit.enabled": True}, RateLimit(600, 600)),
        ({"server.rate_limit.requests_per_minute": 120}, RateLimit(120, 120)),
        (
            {
                "server.rate_limit.profile": "strict",
                "server.rate_limit.requests_per_minute": 120,
                "server.rate_limit.burst_size": 10,
            },
            RateLimit(120, 10),
        ),
        ({"server.bind_address": OPEN, "server.rate_limit.enabled": False}, None),
        (
            {"server.rate_limit.requests_per_minute": 120, "server.rate_limit.enabled": False},
            None,
        ),
    ],
)
def test_the_rate_limit_follows_profile_and_explicit_values(
    overrides: dict[str, object], limit: RateLimit | None, tmp_path: Path
) -> None:
    settings = load_settings(None, {}, overrides, directory=tmp_path).settings

    assert effective_rate_limit(settings) == limit
