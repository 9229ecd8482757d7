"""Whom a server without authentication talks to: Host and Origin rules, and CORS.

A page on another site can make a browser send requests to a server on the same machine. While
authentication is off these rules are what keeps it out (decisions.md section 5). Pure functions;
`guard` applies them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ratchet_core.api.door.refusal import HostRefused, OriginRefused
from ratchet_core.config import is_loopback

#: Methods that change nothing.
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Headers of ours that a page of another origin may read.
_EXPOSED: Final = (
    "X-Request-ID, Retry-After, ETag, Location, "
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRules:
    """Who may call from where."""

    authenticated: bool = False  #: requests need credentials, so Host and Origin are free
    allowed_hosts: frozenset[str] = frozenset()  #: besides loopback; lower case, `*` means any
    allowed_origins: frozenset[str] = frozenset()  #: pages that may call from a browser
    allowed_methods: tuple[str, ...] = ()  #: told to a preflight request
    allowed_headers: tuple[str, ...] = ()  #: told to a preflight request
    allow_credentials: bool = False  #: a browser may send cookies
    max_age_s: int = 3600  #: a browser may keep the answer to a preflight request


def check_host(host: str | None, rules: OriginRules) -> None:
    """Raise HostRefused unless `host` is one that we serve.

    Args:
        host: the Host header; None where there is none, as no browser does.
        rules: of this server.
    """
    if rules.authenticated or host is None:
        return
    name = host_name(host)
    known = {"*", name, host.lower()} & rules.allowed_hosts
    if not (known or is_loopback(name)):
        raise HostRefused(
            f"Host '{host[:100]}' is not served while authentication is off; "
            "add it to server.allowed_hosts, or switch authentication on"
        )


def check_origin(origin: str | None, host: str | None, method: str, rules: OriginRules) -> None:
    """Raise OriginRefused when a page that we do not know wants to change something.

    Args:
        origin: the Origin header; None where there is none.
        host: the Host header.
        method: of the request.
        rules: of this server.
    """
    if rules.authenticated or origin is None or method in SAFE_METHODS:
        return
    if is_own_origin(origin, host) or origin.lower() in rules.allowed_origins:
        return
    raise OriginRefused(
        f"Pages of '{origin[:100]}' may not change anything here while authentication is off; "
        "add it to server.cors.allowed_origins"
    )


def cors_headers(
    origin: str | None, rules: OriginRules, *, preflight: bool = False
) -> Mapping[str, str]:
    """Return the headers that let a page of `origin` read the answer; none for others."""
    if origin is None or not rules.allowed_origins:
        return {}
    headers = {"Vary": "Origin"}
    if not {"*", origin.lower()} & rules.allowed_origins:
        return headers
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    if rules.allow_credentials:
        headers["Access-Control-Allow-Credentials"] = "true"
    if preflight:
        headers["Access-Control-Allow-Methods"] = ", ".join(rules.allowed_methods)
        headers["Access-Control-Allow-Headers"] = ", ".join(rules.allowed_headers)
        headers["Access-Control-Max-Age"] = str(rules.max_age_s)
    return headers


def is_own_origin(origin: str, host: str | None) -> bool:
    """Tell whether a page of `origin` came from the very host that it calls."""
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == (host or "").lower()


def lowered(texts: Collection[str]) -> frozenset[str]:
    """Return the texts in lower case, as the rules compare them; trailing `/` is dropped."""
    return frozenset(text.lower().rstrip("/") for text in texts)


def host_name(host: str) -> str:
    """Return the host without port and brackets; text that is no host comes back unchanged."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
