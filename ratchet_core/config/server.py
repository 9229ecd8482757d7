"""Settings of the HTTP server and of what it stands on: database, Redis, authentication.

Only declarations; rules that span several settings are in `checks`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ratchet_core.config.setting import setting
from ratchet_core.redaction import Secret


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """Which pages of other origins may call the API from a browser."""

    allowed_origins: tuple[str, ...] = setting(
        "Origins besides our own whose pages may call the API; unset: none. `*` means every"
        " origin, and is refused while authentication is off: any page that somebody on this"
        " machine opens could then read everything.",
        "server.cors.allowed_origins",
        default=(),
    )
    allowed_methods: tuple[str, ...] = setting(
        "Methods that a preflight request is told are allowed.",
        "server.cors.allowed_methods",
        "server.cors.methods",
        default=("GET", "POST", "PUT", "PATCH", "DELETE"),
    )
    allowed_headers: tuple[str, ...] = setting(
        "Request headers that a preflight request is told are allowed.",
        "server.cors.allowed_headers",
        "server.cors.headers",
        default=(
            "Content-Type",
            "Authorization",
            "X-Requested-With",
            "X-API-Key",
            "X-Request-ID",
            "X-Correlation-ID",
            "Idempotency-Key",
        ),
    )
    allow_credentials: bool = setting(
        "Whether a browser may send cookies; refused together with the origin `*`.",
        "server.cors.allow_credentials",
        "server.cors.credentials",
        default=False,
    )
    max_age_s: int = setting(
        "Seconds for which a browser may remember the answer to a preflight request.",
        "server.cors.max_age",
        default=3600,
        at_least=0,
        at_most=86_400,
    )


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """HTTPS; off until both files are named."""

    cert_file: Path | None = setting(
        "PEM file with the certificate and its chain.",
        "server.tls.cert_file",
        default=None,
    )
    key_file: Path | None = setting(
        "PEM file with the private key.",
        "server.tls.key_file",
        default=None,
    )
    min_version: Literal["1.2", "1.3"] = setting(
        "Lowest TLS version that is spoken.",
        "server.tls.min_version",
        default="1.2",
    )


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """How often one client may call `/api/v1`, `/graphql` and the Tasker mount."""

    enabled: bool | None = setting(
        "Switches the limit on or off; unset: off on loopback without authentication, else on.",
        "server.rate_limit.enabled",
        default=None,
        env=("RATCHET_RATE_LIMIT_ENABLED",),
    )
    profile: Literal["default", "permissive", "strict"] = setting(
        "`default` 600, `strict` 60, `permissive` 6000 requests a minute.",
        "server.rate_limit.profile",
        default="default",
        env=("RATCHET_RATE_LIMIT_PROFILE",),
    )
    requests_per_minute: int | None = setting(
        "Requests a minute and client; wins over the profile and switches the limit on.",
        "server.rate_limit.requests_per_minute",
        default=None,
        env=("RATCHET_RATE_LIMIT_REQUESTS_PER_MINUTE",),
        at_least=1,
        at_most=1_000_000,
    )
    burst_size: int | None = setting(
        "Requests that may come at once (capacity of the token bucket);"
        " unset: as many as a minute allows.",
        "server.rate_limit.burst_size",
        default=None,
        env=("RATCHET_RATE_LIMIT_BURST_SIZE",),
        at_least=1,
        at_most=1_000_000,
    )
    tasker_requests_per_minute: int | None = setting(
        "The Tasker mount's own rule, per address; unset: off.",
        "server.rate_limit.tasker_requests_per_minute",
        default=None,
        env=("RATCHET_RATE_LIMIT_TASKER_REQUESTS_PER_MINUTE",),
        at_least=1,
        at_most=1_000_000,
    )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The HTTP server."""

    bind_address: str = setting(
        "Address to listen on. Another than loopback needs authentication, or"
        " `server.allow_unauthenticated` together with `server.allowed_hosts`.",
        "server.bind_address",
        "server.host",
        default="127.0.0.1",
        env=("RATCHET_SERVER_BIND_ADDRESS", "RATCHET_SERVER_HOST", "RATCHET_BIND_ADDRESS"),
    )
    port: int = setting(
        "TCP port to listen on; 0 takes a free one.",
        "server.port",
        default=8080,
        at_least=0,
        at_most=65_535,
    )
    one_processor: bool = setting(
        "Whether the threads of an API process stay together on one processor (Linux): Python runs"
        " one at a time. Switch it off where plugins compute outside of the interpreter's lock.",
        "server.one_processor",
        default=True,
    )
    allow_unauthenticated: bool = setting(
        "Whether an address other than loopback may be bound while authentication is off.",
        "server.allow_unauthenticated",
        default=False,
    )
    allowed_hosts: tuple[str, ...] = setting(
        "Values of the Host header, besides loopback ones, that are served while authentication"
        " is off.",
        "server.allowed_hosts",
        default=(),
    )
    self_urls: tuple[str, ...] = setting(
        "URLs under which this server is known; scripts that fetch them get a short-lived"
        " read-only token. Unset: the URL of the bind address.",
        "server.self_urls",
        default=(),
    )
    self_access: Literal["read", "none"] = setting(
        "What a script may do on its own server: `read` its namespace, or `none`.",
        "server.self_access",
        default="read",
    )
    public_docs: bool = setting(
        "Whether OpenAPI documents, documentation pages and the playground's HTML are open"
        " without authentication.",
        "server.public_docs",
        default=True,
    )
    cors: CorsSettings = field(default_factory=CorsSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    rate_limit: RateLimitSettings = field(default_factory=RateLimitSettings)


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The database: SQLite or PostgreSQL."""

    url: str = setting(
        "`sqlite://relative/path.db`, `sqlite:///absolute/path.db` or"
        " `postgresql://user:password@host/name`. SQLite in memory cannot be shared by processes:"
        " a file in the data directory is taken instead, with a warning.",
        "server.database.url",
        default="",
        env=("RATCHET_DATABASE_URL",),
        secret=True,
        default_text="`sqlite://<data_dir>/ratchet.db`",
    )
    max_connections: int = setting(
        "Most connections that one process holds.",
        "server.database.max_connections",
        default=10,
        at_least=1,
        at_most=10_000,
    )
    min_connections: int = setting(
        "Connections that one process keeps open, however long they are idle.",
        "server.database.min_connections",
        default=1,
        at_least=0,
        at_most=10_000,
    )
    connection_timeout_s: float = setting(
        "Seconds to wait for a free connection before a request fails.",
        "server.database.connection_timeout",
        default=30.0,
        env=("RATCHET_DATABASE_TIMEOUT", "RATCHET_DATABASE_CONNECTION_TIMEOUT"),
        at_least=0.1,
        at_most=3600,
    )
    idle_timeout_s: float = setting(
        "Seconds after which an idle connection is closed, where more than `min_connections` are"
        " open.",
        "server.database.idle_timeout",
        default=600.0,
        env=("RATCHET_DATABASE_IDLE_TIMEOUT",),
        at_least=0,
    )
    max_lifetime_s: float = setting(
        "Seconds after which a connection is replaced.",
        "server.database.max_lifetime",
        default=3600.0,
        env=("RATCHET_DATABASE_MAX_LIFETIME",),
        at_least=1,
    )
    auto_migrate: bool = setting(
        "Whether the schema is upgraded at start; else `ratchet db upgrade` does it.",
        "server.database.migrations.auto_migrate",
        "server.database.auto_migrate",
        default=True,
        env=("RATCHET_DATABASE_AUTO_MIGRATE",),
    )


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Redis hosts and wakes drains; without it everything goes on, a little slower."""

    url: str | None = setting(
        "`redis://`, `rediss://` or `unix://` URL. Unset: `ratchet up` starts a server of its own,"
        " everything else does without.",
        "redis.url",
        default=None,
        env=("RATCHET_REDIS_URL",),
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who is let in. Off by default."""

    authentication_enabled: bool = setting(
        "Whether requests need credentials (`auth:` block).",
        "auth.authentication_enabled",
        default=False,
    )
    authenticator_class: str | None = setting(
        "Name of a registered authenticator (`jwt`, `api-key`) or dotted path of a class.",
        "auth.authenticator_class",
        default=None,
    )
    authenticators: tuple[str, ...] = setting(
        "Several authenticators, asked in this order; the first that knows the caller wins.",
        "auth.authenticators",
        default=(),
    )
    authorization_enabled: bool = setting(
        "Whether every caller needs permissions; else only callers whose credentials name roles,"
        " permissions or namespaces are held to them, and all others may do everything.",
        "auth.authorization_enabled",
        default=False,
    )
    authorization_coordinator_class: str | None = setting(
        "Dotted path of a class that decides permissions instead of the roles that are built in.",
        "auth.authorization_coordinator_class",
        default=None,
    )
    jwt_secret: Secret | None = setting(
        "Key of at least 32 characters; switches the `jwt` authenticator on (HS256). Refused"
        " together with the `auth:` block.",
        "server.auth.jwt_secret",
        default=None,
        env=("RATCHET_JWT_SECRET",),
        secret=True,
    )
    token_expiration_s: int = setting(
        "Seconds for which a token that we issue is valid.",
        "server.auth.token_expiration",
        default=3600,
        at_least=1,
    )
    issuer: str | None = setting(
        "Issuer that a token must name; unset: any.",
        "server.auth.issuer",
        default=None,
    )
    audience: str | None = setting(
        "Audience that a token must name; unset: any.",
        "server.auth.audience",
        default=None,
    )

    @property
    def is_on(self) -> bool:
        """Whether a request needs credentials, by either way of switching it on."""
        return self.authentication_enabled or self.jwt_secret is not None
