"""What goes to the client library as it stands: properties that are known to be harmless.

Everything else is refused: some properties run commands or load libraries, others would undo the
guarantees that destinations and sources give.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Properties whose values are shown nowhere.
SECRETS: Final = (
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
)
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "security.protocol": ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL"),
    "sasl.mechanism": ("GSSAPI", "OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    "compression.type": ("none", "gzip", "snappy", "lz4", "zstd"),
    "broker.address.family": ("any", "v4", "v6"),
    "ssl.endpoint.identification.algorithm": ("https", "none"),
    "sasl.oauthbearer.method": ("default", "oidc"),
}
_TEXTS: Final = (
    "sasl.username",
    "sasl.kerberos.service.name",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.key.location",
    "ssl.keystore.location",
    "client.id",
    "client.rack",
)
_SWITCHES: Final = ("enable.ssl.certificate.verification", "socket.keepalive.enable")
#: Whole numbers, with their ranges.
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "linger.ms": (0, 10_000),
    "socket.timeout.ms": (1_000, 300_000),
    "socket.connection.setup.timeout.ms": (1_000, 300_000),
    "metadata.max.age.ms": (1_000, 86_400_000),
    "topic.metadata.refresh.interval.ms": (1_000, 3_600_000),
    "queued.max.messages.kbytes": (1, 2_097_151),
    "fetch.message.max.bytes": (1, 1_000_000_000),
}
_KNOWN: Final = (*_CHOICES, *SECRETS, *_TEXTS, *_SWITCHES, *_NUMBERS)
_ALIASES: Final = {"sasl.mechanisms": "sasl.mechanism"}
#: Shorter secrets would blot out what they are no secret in.
_SHORTEST: Final = 4


def check(value: Any) -> str | None:
    """Return what is wrong with the option `client`, beginning with `.` and the property."""
    if not isinstance(value, Mapping):
        return "must be an object of properties of the client library"
    return next(_problems(value), None)


def properties(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a client that destinations and sources share.

    Args:
        options: `bootstrap_servers` and `client`, checked.
    """
    servers = ",".join(one.strip() for one in str(options["bootstrap_servers"]).split(","))
    given = {_ALIASES.get(str(key), str(key)): item for key, item in _given(options).items()}
    return {
        **given,
        "bootstrap.servers": servers,
        "log_level": 2,  # errors come by callback, with the broker's name and at our pace
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
    }


def masked(message: str, options: Mapping[str, Any]) -> str:
    """Return a text of the library without the secrets of these options."""
    given = _given(options)
    for key in SECRETS:
        secret = str(given.get(key, ""))
        if len(secret) >= _SHORTEST:
            message = message.replace(secret, "[secret]")
    return message


def _given(options: Mapping[str, Any]) -> Mapping[str, Any]:
    given: Mapping[str, Any] = options.get("client") or {}
    return given


def _problems(given: Mapping[str, Any]) -> Iterator[str]:
    for name, item in given.items():
        key = _ALIASES.get(str(name), str(name))
        if key not in _KNOWN:
            near = difflib.get_close_matches(key, _KNOWN, n=1, cutoff=0.8)
            hint = f"did you mean '{near[0]}'?" if near else "the README lists those that there are"
            yield f".{name}: cannot be set here; {hint}"
        elif problem := _problem(key, item):
            yield f".{name}: {problem}"


def _problem(key: str, item: Any) -> str | None:
    if key in _CHOICES:
        known = _CHOICES[key]
        return None if item in known else f"must be one of {', '.join(known)}"
    if key in _SWITCHES:
        return None if isinstance(item, bool) else "must be true or false"
    if key in _NUMBERS:
        low, high = _NUMBERS[key]
        fits = isinstance(item, int) and not isinstance(item, bool) and low <= item <= high
        return None if fits else f"must be an integer from {low} to {high}"
    return None if isinstance(item, str) and item else "must be a text"
