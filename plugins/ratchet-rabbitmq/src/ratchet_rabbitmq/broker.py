"""What destinations and sources share: where the broker is, and what may be declared there."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pika import SSLOptions, URLParameters
from pika.connection import Parameters

from ratchet_core.sdk import option_check
from ratchet_rabbitmq import options as check

#: The options that every destination and source has.
SHARED: Final[Mapping[str, option_check.Check]] = {
    "url": check.url,
    "ca_file": option_check.text,
    "cert_file": option_check.text,
    "key_file": option_check.text,
    "heartbeat_seconds": option_check.integer(1, 3600),
}
#: What a queue can be declared as.
QUEUE_TYPES: Final = ("classic", "quorum")
#: What an exchange can be declared as.
EXCHANGE_TYPES: Final = ("direct", "fanout", "headers", "topic")
#: Between heartbeats: what is dead is noticed within twice that.
_HEARTBEAT_S: Final = 20


def parameters(options: Mapping[str, Any], name: str) -> Parameters:
    """Return how to connect.

    Args:
        options: checked; certificates are read.
        name: of the connection, as the broker's own tools show it.

    Raises:
        OSError: a file of `ca_file`, `cert_file` or `key_file` cannot be read.
        ssl.SSLError: it is no certificate or key.
    """
    found = URLParameters(str(options["url"]))
    found.heartbeat = int(options.get("heartbeat_seconds", _HEARTBEAT_S))
    found.connection_attempts = 1  # whoever needs it tries again, with a back-off
    found.socket_timeout = 5
    found.stack_timeout = 10
    found.client_properties = {"connection_name": name, "product": "ratchet"}
    if found.ssl_options is not None:
        found.ssl_options = SSLOptions(_context(options), found.host)
    return found


def tls_problems(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the files of TLS, as far as that shows without reading them."""
    named = [key for key in ("ca_file", "cert_file", "key_file") if key in options]
    url = options.get("url")
    if named and isinstance(url, str) and not url.startswith("amqps://"):
        return [f"{named[0]}: has a meaning only with amqps://"]
    if "key_file" in options and "cert_file" not in options:
        return ["cert_file: is missing, and `key_file` needs it"]
    return []


def _context(options: Mapping[str, Any]) -> ssl.SSLContext:
    ca_file = options.get("ca_file")
    context = ssl.create_default_context(cafile=str(Path(ca_file)) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if "cert_file" in options:
        context.load_cert_chain(options["cert_file"], options.get("key_file"))
    return context


@dataclass(frozen=True, slots=True)
class Declaration:
    """A queue or an exchange that is made where it is not there yet; both outlive the broker."""

    name: str
    kind: str  #: one of QUEUE_TYPES or EXCHANGE_TYPES
    #: of a queue, such as `x-dead-letter-exchange`; pairs, sorted
    arguments: tuple[tuple[str, Any], ...] = ()

    def declare(self, channel: Any, then: Any) -> None:
        """Send it; a broker that has something else of that name closes the channel."""
        if self.kind in QUEUE_TYPES:
            arguments = {"x-queue-type": self.kind, **dict(self.arguments)}
            channel.queue_declare(self.name, durable=True, arguments=arguments, callback=then)
        else:
            channel.exchange_declare(self.name, self.kind, durable=True, callback=then)


def declaration(name: str, options: Mapping[str, Any]) -> Declaration | None:
    """Return what `declare` and `arguments` of checked options ask for."""
    kind = options.get("declare")
    if kind is None:
        return None
    arguments: Mapping[str, Any] = options.get("arguments", {})
    return Declaration(name, str(kind), tuple(sorted(arguments.items())))
