"""Settings of everything that Ratchet sends: HTTP requests, the egress policy, outputs.

Only declarations; the shape of one output destination is in `destination`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ratchet_core.config.destination import DestinationSettings
from ratchet_core.config.setting import setting
from ratchet_core.redaction import Secret


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Requests that scripts, HTTP steps and webhooks send."""

    timeout_s: float = setting(
        "Seconds for one request where it names no time of its own.",
        "http.timeout",
        default=30.0,
        env=("RATCHET_HTTP_TIMEOUT",),
        at_least=0.1,
        at_most=3600,
    )
    connect_timeout_s: float = setting(
        "Seconds for the connection to be made.",
        "http.connection_pool.connection_timeout",
        "http.connect_timeout",
        default=10.0,
        at_least=0.1,
        at_most=600,
    )
    max_redirects: int = setting(
        "Redirects that a request follows; each is checked against the egress policy.",
        "http.max_redirects",
        default=10,
        at_least=0,
        at_most=100,
    )
    user_agent: str = setting(
        "The User-Agent header where a request sets none.",
        "http.user_agent",
        default="Ratchet/1.0",
    )
    verify_tls: bool = setting(
        "Whether certificates of other servers are checked.",
        "http.verify_ssl",
        default=True,
        env=("RATCHET_HTTP_VERIFY_SSL",),
    )


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """Which hosts outgoing requests may reach besides public ones."""

    allow: tuple[str, ...] = setting(
        "Hosts (`db.local`, `*.corp.example`), addresses or networks (`10.0.0.0/8`) that"
        " scripts, steps and webhooks may reach although they are private; `:port` behind"
        " one allows that port only.",
        "egress.allow",
        default=(),
        env=("RATCHET_EGRESS_ALLOW",),
    )


@dataclass(frozen=True, slots=True)
class RetryPolicySettings:
    """How a delivery that failed is tried again."""

    max_attempts: int = setting(
        "Highest number of attempts, the first one included.",
        "output.default_retry_policy.max_attempts",
        default=3,
        at_least=1,
        at_most=1000,
    )
    initial_delay_s: float = setting(
        "Delay before the second attempt (milliseconds in the file).",
        "output.default_retry_policy.initial_delay_ms",
        default=1.0,
        at_least=0,
        at_most=86_400_000,
        scale=0.001,
        in_environment=False,
    )
    max_delay_s: float = setting(
        "Longest delay between two attempts (milliseconds in the file).",
        "output.default_retry_policy.max_delay_ms",
        default=30.0,
        at_least=0,
        at_most=86_400_000,
        scale=0.001,
        in_environment=False,
    )
    backoff_multiplier: float = setting(
        "What each delay is multiplied with to give the next one.",
        "output.default_retry_policy.backoff_multiplier",
        default=2.0,
        at_least=1,
        at_most=100,
    )


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Deliveries of results to output destinations."""

    max_concurrent_deliveries: int = setting(
        "Most deliveries that run at once on this host.",
        "output.max_concurrent_deliveries",
        default=10,
        env=("RATCHET_OUTPUT_MAX_CONCURRENT_DELIVERIES", "RATCHET_OUTPUT_MAX_CONCURRENT"),
        at_least=1,
        at_most=10_000,
    )
    default_timeout_s: float = setting(
        "Seconds for one delivery where its destination names no time of its own.",
        "output.default_timeout",
        default=30.0,
        env=("RATCHET_OUTPUT_DEFAULT_TIMEOUT",),
        at_least=0.1,
        at_most=3600,
    )
    validate_on_startup: bool = setting(
        "Whether destinations are checked at start, templates included; else at first use.",
        "output.validate_on_startup",
        default=True,
        env=("RATCHET_OUTPUT_VALIDATE_STARTUP",),
    )
    signing_secret: Secret | None = setting(
        "Key of `{{signature}}` for destinations without a `secret` of their own; unset: one that"
        " is generated into the data directory.",
        "output.signing_secret",
        default=None,
        secret=True,
    )
    allow_localhost_webhooks: bool = setting(
        "Whether webhooks may reach loopback addresses.",
        "output.security.allow_localhost_webhooks",
        default=False,
        env=("RATCHET_OUTPUT_ALLOW_LOCALHOST_WEBHOOKS",),
    )
    allow_private_network_webhooks: bool = setting(
        "Whether webhooks may reach private addresses.",
        "output.security.allow_private_network_webhooks",
        default=False,
        env=("RATCHET_OUTPUT_ALLOW_PRIVATE_NETWORK_WEBHOOKS",),
    )
    allowed_webhook_domains: tuple[str, ...] = setting(
        "If set, the only domains (and their sub-domains) that webhooks may reach.",
        "output.security.allowed_webhook_domains",
        default=(),
        env=("RATCHET_OUTPUT_ALLOWED_WEBHOOK_DOMAINS",),
    )
    global_destinations: tuple[DestinationSettings, ...] = setting(
        "Where the output of every run goes; see the section on destinations.",
        "output.global_destinations",
        default=(),
        in_environment=False,
    )
    default_retry_policy: RetryPolicySettings = field(default_factory=RetryPolicySettings)
