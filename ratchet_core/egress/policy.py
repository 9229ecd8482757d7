"""Which hosts outgoing requests may reach: public ones, the own server, and those allowed. Pure.

Nothing is looked up here: names are resolved by the client, which asks about each address.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace

from ratchet_core.egress.address import Address, judged_addresses, kind_of
from ratchet_core.egress.allow import SETTING, AllowRule, parse_rule
from ratchet_core.egress.target import Target, parse_url
from ratchet_core.errors import ConfigurationError
from ratchet_core.sdk.http import EgressRefused


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The egress policy (decisions.md section 7).

    Args:
        allow: besides public hosts: names, `*.example.com`, addresses, networks, each with an
            optional `:port`.
        self_urls: addresses of the own server; each is allowed by its exact scheme, host and port.

    Raises:
        ConfigurationError: an entry cannot be read.
    """

    allow: tuple[str, ...] = ()  #: entries as they were configured
    self_urls: tuple[str, ...] = ("http://127.0.0.1:8080", "http://localhost:8080")  #: own server
    _rules: tuple[AllowRule, ...] = field(init=False, repr=False, compare=False)
    _self_origins: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rules", tuple(parse_rule(entry) for entry in self.allow))
        object.__setattr__(self, "_self_origins", frozenset(map(_origin_of, self.self_urls)))

    def with_allowed(self, entries: tuple[str, ...]) -> EgressPolicy:
        """Return a policy that allows these entries too, such as a plugin's own list."""
        return replace(self, allow=(*self.allow, *entries))

    def check_url(self, url: str) -> Target:
        """Return where the URL leads, if it is one that may be requested as far as it shows.

        Hosts that are addresses are judged at once, names when they are resolved.

        Raises:
            EgressRefused: it is malformed or not allowed.
        """
        target = parse_url(url)
        if target.address is not None:
            self.check_address(target.address, target)
        return target

    def check_address(self, address: Address | str, target: Target) -> None:
        """Refuse an address that the target's host resolved to, unless it may be reached.

        Raises:
            EgressRefused: it is not public, and neither it nor the host is allowed.
        """
        if self.is_self(target) or self._allows_host(target):
            return
        ip = ipaddress.ip_address(address) if isinstance(address, str) else address
        if self._allows_address(ip, target.port):
            return
        for judged in judged_addresses(ip):
            kind = kind_of(judged)
            if kind is not None and not self._allows_address(judged, target.port):
                raise _not_allowed(target, kind)

    def is_self(self, target: Target) -> bool:
        """Say whether the target is our own server."""
        return target.origin in self._self_origins

    def _allows_host(self, target: Target) -> bool:
        """Say whether an entry names the target's host."""
        return any(rule.allows_host(target.host, target.port) for rule in self._rules)

    def _allows_address(self, address: Address, port: int) -> bool:
        """Say whether an entry holds the address."""
        return any(rule.allows_address(address, port) for rule in self._rules)


def _origin_of(url: str) -> str:
    """Return the origin of one of the own server's URLs."""
    try:
        return parse_url(url).origin
    except EgressRefused as error:
        raise ConfigurationError(f"server.self_urls: {url!r}: {error.message}") from None


def _not_allowed(target: Target, kind: str) -> EgressRefused:
    """Return the error for a host that is not public, with the way out."""
    found = "is" if target.address is not None else "resolves to"
    article = "an" if kind[0] in "aeiou" else "a"
    return EgressRefused(
        f"{target.host} {found} {article} {kind} address, which outgoing requests may not reach; "
        f"add '{_entry_for(target)}' to {SETTING} to allow it"
    )


def _entry_for(target: Target) -> str:
    """Return the entry that would allow exactly this host and port."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"
