"""The entries of `egress.allow`: host names, subdomain patterns, addresses and networks. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from ratchet_core.egress.address import Address, Network
from ratchet_core.egress.target import normalise_host
from ratchet_core.errors import ConfigurationError
from ratchet_core.sdk.http import EgressRefused

#: The setting and the variable that hold the entries, as messages name them.
SETTING: Final = "egress.allow (RATCHET_EGRESS_ALLOW)"

_MAX_PORT: Final = 65_535
_WITH_PORT: Final = re.compile(r"(?P<host>\[[^\]]+\](?:/\d+)?|[^:\[\]]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One entry of the list, taken apart; one of the three forms is set."""

    port: int | None  #: None allows every port
    name: str | None = None  #: exactly this host
    suffix: str | None = None  #: hosts that end so; starts with a dot
    network: Network | None = None  #: addresses in it, a single one included

    def allows_host(self, host: str, port: int) -> bool:
        """Say whether whatever this host name resolves to may be reached."""
        if self.port not in {None, port}:
            return False
        return host == self.name or (self.suffix is not None and host.endswith(self.suffix))

    def allows_address(self, address: Address, port: int) -> bool:
        """Say whether this address may be reached."""
        return self.port in {None, port} and self.network is not None and address in self.network


def parse_rule(entry: str) -> AllowRule:
    """Read one entry: `host`, `*.host`, an address or a network, each with an optional `:port`.

    Raises:
        ConfigurationError: it is none of these.
    """
    text = entry.strip()
    if not text or "://" in text or "@" in text or any(mark.isspace() for mark in text):
        raise _refused(entry)
    host, port = _take_port(text, entry)
    if (network := _network(host, entry)) is not None:
        return AllowRule(port, network=network)
    if host.startswith("*."):
        return AllowRule(port, suffix="." + _name(host[2:], entry))
    return AllowRule(port, name=_name(host, entry))


def _take_port(text: str, entry: str) -> tuple[str, int | None]:
    """Split off the port, if there is one; a bare IPv6 address has none."""
    match = _WITH_PORT.fullmatch(text)
    if match is None:
        return text, None
    port = int(match["port"])
    if not 0 < port <= _MAX_PORT:
        raise _refused(entry)
    return match["host"], port


def _network(host: str, entry: str) -> Network | None:
    """Read an address or network; None when it is meant as a name."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\]", host)
    plain = bracketed[1] if bracketed else host
    try:
        return ipaddress.ip_network(plain)
    except ValueError as error:
        if "/" in plain or ":" in plain:
            raise _refused(entry, str(error)) from None
        return None


def _name(host: str, entry: str) -> str:
    """Normalise a host name as those of URLs are."""
    try:
        name, address = normalise_host(host)
    except EgressRefused as error:
        raise _refused(entry, error.message) from None
    if address is not None or host in {"", "*"}:
        raise _refused(entry)
    return name


def _refused(entry: str, reason: str = "") -> ConfigurationError:
    """Return the error for an entry that cannot be read."""
    why = f": {reason}" if reason else ""
    return ConfigurationError(
        f"{SETTING}: {entry[:80]!a} is no host name, '*.example.com', IP address or network "
        f"such as 10.0.0.0/8, each with an optional ':port'{why}"
    )
