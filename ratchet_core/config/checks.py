"""Rules that span several settings, and the rule about where an open server may listen.

Ranges of single settings stand with their declarations.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ratchet_core.config.place import Place
from ratchet_core.config.settings import Settings
from ratchet_core.errors import ConfigurationError

MIN_JWT_SECRET_LENGTH: Final = 32
HEARTBEATS_PER_LEASE: Final = 3
PROFILES: Final[Mapping[str, int]] = {"default": 600, "strict": 60, "permissive": 6000}


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule: the setting to blame (path below `Settings`) and what is wrong."""

    path: str
    message: str


def find_problems(settings: Settings, given: Mapping[str, Place]) -> Iterator[Problem]:
    """Yield every rule that the settings as a whole break.

    Args:
        settings: the result of all sources.
        given: place of each setting that is not a default.
    """
    yield from _authentication(settings, given)
    yield from _server(settings)
    yield from _database(settings)
    yield from _worker(settings)
    yield from _outside(settings)
    yield from _registry_and_logging(settings)


def _authentication(settings: Settings, given: Mapping[str, Place]) -> Iterator[Problem]:
    auth = settings.auth
    secret = auth.jwt_secret
    if secret is not None and len(secret.reveal()) < MIN_JWT_SECRET_LENGTH:
        yield Problem("auth.jwt_secret", f"must have at least {MIN_JWT_SECRET_LENGTH} characters")
    own = {"auth.jwt_secret", "auth.token_expiration_s", "auth.issuer", "auth.audience"}
    block = sorted(path for path in given if path.startswith("auth.") and path not in own)
    if secret is not None and block:
        yield Problem(
            "auth.jwt_secret",
            f"is set together with '{block[0]}': use either `server.auth.jwt_secret` or the"
            " `auth:` block",
        )
    named = auth.authenticators or auth.authenticator_class
    if auth.authentication_enabled and not named:
        yield Problem(
            "auth.authentication_enabled",
            "is true, but `auth.authenticator_class` names no authenticator; such as jwt, api-key,"
            " or the dotted path of a class",
        )
    if auth.authenticators and auth.authenticator_class:
        yield Problem(
            "auth.authenticators", "is set together with `auth.authenticator_class`: use one"
        )
    if auth.authorization_coordinator_class and not auth.authorization_enabled:
        yield Problem(
            "auth.authorization_coordinator_class",
            "is set, but `auth.authorization_enabled` is not true: it would decide nothing",
        )
    if auth.authorization_enabled and not auth.is_on:
        yield Problem(
            "auth.authorization_enabled",
            "is true while authentication is off: nobody would be known to have a permission",
        )


def _server(settings: Settings) -> Iterator[Problem]:
    tls, cors = settings.server.tls, settings.server.cors
    if (tls.cert_file is None) != (tls.key_file is None):
        path = "server.tls.cert_file" if tls.cert_file else "server.tls.key_file"
        yield Problem(path, "is set alone: TLS needs both `cert_file` and `key_file`")
    if "*" in cors.allowed_origins and not settings.auth.is_on:
        yield Problem(
            "server.cors.allowed_origins",
            "is `*` while authentication is off, so any page could read everything: name the"
            " origins, or switch authentication on",
        )
    if cors.allow_credentials and "*" in cors.allowed_origins:
        yield Problem(
            "server.cors.allow_credentials", "is true while every origin `*` is allowed: name them"
        )


def _database(settings: Settings) -> Iterator[Problem]:
    database = settings.database
    if database.min_connections > database.max_connections:
        yield Problem(
            "database.min_connections",
            f"({database.min_connections}) is above max_connections ({database.max_connections})",
        )
    url = settings.redis.url
    if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
        yield Problem("redis.url", "expected a URL that starts with redis://, rediss:// or unix://")


def _worker(settings: Settings) -> Iterator[Problem]:
    worker = settings.worker
    if worker.heartbeat_s * HEARTBEATS_PER_LEASE > worker.lease_s:
        yield Problem(
            "worker.heartbeat_s",
            f"({worker.heartbeat_s:g}) must be at most a third of the lease"
            f" ({worker.lease_s:g}), or one late heartbeat costs a lease",
        )
    if not worker.queues:
        yield Problem("worker.queues", "must name at least one queue")


def _outside(settings: Settings) -> Iterator[Problem]:
    policy = settings.output.default_retry_policy
    if policy.initial_delay_s > policy.max_delay_s:
        yield Problem("output.default_retry_policy.initial_delay_s", "is above `max_delay_ms`")
    name = _first_double(destination.name for destination in settings.output.global_destinations)
    if name is not None:
        yield Problem("output.global_destinations", f"two destinations are named '{name}'")
    name = _first_double(source.name for source in settings.input.sources)
    if name is not None:
        yield Problem("input.sources", f"two sources are named '{name}'")


def _registry_and_logging(settings: Settings) -> Iterator[Problem]:
    name = _first_double(source.name for source in settings.registry.sources)
    if name is not None:
        yield Problem("registry.sources", f"two sources are named '{name}'")
    if settings.logging.log_to_file and settings.logging.log_file_path is None:
        yield Problem("logging.log_to_file", "is true, but `logging.log_file_path` is not set")


def _first_double(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def is_loopback(address: str) -> bool:
    """Say whether an address reaches this machine only."""
    bare = address.strip().removeprefix("[").removesuffix("]").lower()
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def check_bind(settings: Settings) -> None:
    """Refuse to serve people who are not authenticated on an address that others can reach.

    Called before a socket is bound, not at load. Source: decisions, section 5.

    Raises:
        ConfigurationError: the message names the two ways out.
    """
    server = settings.server
    if is_loopback(server.bind_address) or settings.auth.is_on:
        return
    if server.allow_unauthenticated and server.allowed_hosts:
        return
    missing = (
        "`server.allowed_hosts` names no host; add the names under which the server is reached"
        if server.allow_unauthenticated
        else "either switch authentication on (`server.auth.jwt_secret`, or"
        " `auth.authentication_enabled: true` with `auth.authenticator_class`), or set"
        " `server.allow_unauthenticated: true` together with `server.allowed_hosts: [...]`"
    )
    raise ConfigurationError(
        f"server.bind_address: '{server.bind_address}' can be reached from other machines while"
        f" authentication is off: {missing}",
    )


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: refilled evenly over a minute."""

    requests_per_minute: int
    burst_size: int  #: capacity: requests that may come at once


def effective_rate_limit(settings: Settings) -> RateLimit | None:
    """Return the limit that holds for `/api/v1` and `/graphql`, or None where it is off.

    Off on loopback without authentication unless it is asked for. Source: decisions, section 6.
    """
    wanted = settings.server.rate_limit
    asked_for = wanted.requests_per_minute is not None or wanted.burst_size is not None
    exposed = settings.auth.is_on or not is_loopback(settings.server.bind_address)
    if wanted.enabled is False:
        return None
    if not (wanted.enabled or asked_for or exposed or wanted.profile != "default"):
        return None
    per_minute = wanted.requests_per_minute or PROFILES[wanted.profile]
    return RateLimit(per_minute, wanted.burst_size or per_minute)
