"""One exchange: the request, its redirects' hops, and the answer, under one deadline.

What is allowed is the policy's to say; which hop follows which is `client`'s and `redirect`'s.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from urllib3.response import HTTPResponse as RawResponse

from ratchet_core.egress.address import Address
from ratchet_core.egress.connection import PinnedConnection, open_connection
from ratchet_core.egress.failure import NETWORK_ERRORS, network_failure, timed_out, too_large
from ratchet_core.egress.headers import encode_value
from ratchet_core.egress.policy import EgressPolicy
from ratchet_core.egress.pool import IdlePool
from ratchet_core.egress.redirect import Hop
from ratchet_core.egress.resolve import Resolver, resolve
from ratchet_core.egress.target import Target
from ratchet_core.sdk.http import HttpResponse

_CHUNK_BYTES: Final = 65_536
#: Methods that may be sent again when a kept connection turns out to be closed (RFC 9110 9.2.2).
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_FIRST_FINAL_STATUS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """What all exchanges of one client share."""

    policy: EgressPolicy  #: judges every address
    resolver: Resolver  #: like `socket.getaddrinfo`
    connect_timeout_s: float  #: for connecting to one address, TLS included
    tls: Callable[[], ssl.SSLContext]  #: returns the one context
    pool: IdlePool  #: connections that wait
    self_headers: Callable[[str], Mapping[str, str]] | None  #: added for our own server only


class Exchange:
    """One call of the client: its deadline and size limit hold for all its hops.

    Args:
        transport: what the exchanges share.
        timeout_s: for all hops together, from now on.
        limit_bytes: for the decoded body of each answer.
    """

    def __init__(self, transport: Transport, timeout_s: float, limit_bytes: int) -> None:
        self.transport, self.limit_bytes, self.timeout_s = transport, limit_bytes, timeout_s
        self.deadline = time.monotonic() + timeout_s

    def perform(self, hop: Hop) -> HttpResponse:
        """Make one hop's request and read the answer."""
        if time.monotonic() >= self.deadline:
            raise timed_out(hop.target, hop.method, self.timeout_s)
        try:
            addresses = self._checked_addresses(hop.target)
            return self._send_reused(hop, addresses) or self._send_fresh(hop, addresses)
        except NETWORK_ERRORS as error:
            raise network_failure(error, hop.target, hop.method, self.timeout_s) from None

    def _checked_addresses(self, target: Target) -> tuple[Address, ...]:
        """Resolve the host and check every address, not only the one that is used."""
        addresses = resolve(self.transport.resolver, target, self.deadline)
        for address in addresses:
            self.transport.policy.check_address(address, target)
        return addresses

    def _send_reused(self, hop: Hop, addresses: tuple[Address, ...]) -> HttpResponse | None:
        """Use a kept connection; None when there is none, or it was closed under our hands."""
        for address in addresses:
            connection = self.transport.pool.take((hop.target.origin, str(address)))
            if connection is None:
                continue
            try:
                return self._send(hop, connection, address)
            except (ConnectionError, ssl.SSLEOFError):
                if hop.method not in _IDEMPOTENT:
                    raise
                return None
        return None

    def _send_fresh(self, hop: Hop, addresses: tuple[Address, ...]) -> HttpResponse:
        """Connect to the first address that answers and send there."""
        tls = self.transport.tls() if hop.target.scheme == "https" else None
        *others, last = addresses
        for address in others:
            try:
                connection = self._open(hop.target, address, tls)
            except ssl.SSLCertVerificationError:
                raise
            except OSError:
                continue
            return self._send(hop, connection, address)
        return self._send(hop, self._open(hop.target, last, tls), last)

    def _open(
        self, target: Target, address: Address, tls: ssl.SSLContext | None
    ) -> PinnedConnection:
        """Connect to one address."""
        return open_connection(
            target, address, tls, self.deadline, self.transport.connect_timeout_s
        )

    def _send(self, hop: Hop, connection: PinnedConnection, address: Address) -> HttpResponse:
        """Send the request, read the whole answer, and keep or close the connection."""
        keep = False
        try:
            connection.set_deadline(self.deadline)
            connection.request(
                hop.method,
                hop.target.path,
                body=hop.body,
                headers=self._wire_headers(hop),  # type: ignore[arg-type] # bytes are sent as they are
                preload_content=False,
            )
            raw = connection.getresponse()
            with contextlib.closing(raw):
                body = self._read(raw, hop.target)
            # An interim status leaves the real answer behind it on the connection.
            keep = connection.sock is not None and raw.status >= _FIRST_FINAL_STATUS
        finally:
            if keep:
                self.transport.pool.give((hop.target.origin, str(address)), connection)
            else:
                connection.discard()
        if not keep and raw.status < _FIRST_FINAL_STATUS:
            raise ConnectionError
        return _response_of(raw, body, hop.target)

    def _wire_headers(self, hop: Hop) -> dict[str, bytes]:
        """Return the headers of one hop as bytes, with those for our own server."""
        headers = {"host": hop.target.authority, **hop.headers}
        if self.transport.self_headers is not None and self.transport.policy.is_self(hop.target):
            added = self.transport.self_headers(hop.target.url)
            headers = {**{name.lower(): value for name, value in added.items()}, **headers}
        return {name: encode_value(name, value) for name, value in headers.items()}

    def _read(self, raw: RawResponse, target: Target) -> bytes:
        """Read and decode the body, up to the limit."""
        chunks, size = [], 0
        for chunk in raw.stream(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > self.limit_bytes:
                raise too_large(target, self.limit_bytes)
            chunks.append(chunk)
        return b"".join(chunks)


def _response_of(raw: RawResponse, body: bytes, target: Target) -> HttpResponse:
    """Return the answer as a value of the sdk."""
    return HttpResponse(
        status=raw.status,
        reason=raw.reason or "",
        headers=_lower_case(raw.headers),
        body=body,
        url=target.url,
    )


def _lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined."""
    return {name.lower(): headers[name] for name in headers}
