"""Connections to a checked address, whose every read and write ends at the exchange's deadline.

A plain socket timeout starts anew with each byte, so a server that trickles would outlast it.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

import certifi
from urllib3.connection import HTTPConnection

from ratchet_core.egress.address import Address
from ratchet_core.egress.target import Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_NO_DEADLINE: Final = float("inf")


def _arm(sock: socket.socket, deadline: float) -> None:
    """Let the next operation on the socket end at the deadline.

    Raises:
        TimeoutError: it has passed.
    """
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    sock.settimeout(None if remaining_s == _NO_DEADLINE else remaining_s)


class ConnectTimedOut(TimeoutError):
    """The limit for connecting passed, though the exchange had time left."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no connection within {limit_s:g} s")


class DeadlineSocket(socket.socket):
    """A plain socket with a deadline."""

    deadline: float = _NO_DEADLINE  #: on `time.monotonic()`

    def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]
        """Connect before the deadline."""
        _arm(self, self.deadline)
        super().connect(address)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive before the deadline."""
        _arm(self, self.deadline)
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send everything before the deadline."""
        _arm(self, self.deadline)
        super().sendall(data, flags)


class DeadlineTlsSocket(ssl.SSLSocket):
    """A TLS socket with a deadline."""

    deadline: float = _NO_DEADLINE  #: on `time.monotonic()`

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        """Shake hands before the deadline."""
        _arm(self, self.deadline)
        super().do_handshake(block)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive before the deadline."""
        _arm(self, self.deadline)
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send some before the deadline; `sendall` is made of this."""
        _arm(self, self.deadline)
        return super().send(data, flags)


def build_tls(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the machine's authorities and certifi's.

    Args:
        verify: False accepts any certificate.
        ca_file: PEM file of more authorities.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())  # some machines have no store of their own
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = DeadlineTlsSocket
    return context


class PinnedConnection(HTTPConnection):
    """An HTTP connection over a socket that is open already; it never opens one itself."""

    auto_open = 0

    def __init__(self, target: Target, sock: DeadlineSocket | DeadlineTlsSocket) -> None:
        super().__init__(target.host, target.port, timeout=None)
        self.sock = self.pinned = sock

    def set_deadline(self, deadline: float) -> None:
        """Let all that follows end at `deadline`, on `time.monotonic()`."""
        self.pinned.deadline = deadline

    def discard(self) -> None:
        """Close for good, also where a half-read answer still holds on to the socket."""
        self.close()
        descriptor = self.pinned.detach()
        if descriptor >= 0:
            os.close(descriptor)

    @property
    def reusable(self) -> bool:
        """Whether the next request may use it: open, and nothing unasked-for has come in."""
        if self.sock is None or not self.is_connected:
            return False
        return not (isinstance(self.pinned, ssl.SSLSocket) and self.pinned.pending())


def open_connection(
    target: Target, address: Address, tls: ssl.SSLContext | None, deadline: float, connect_s: float
) -> PinnedConnection:
    """Connect to the address, in the name of the target's host.

    Args:
        target: whose host is asked for by name and must be in the certificate.
        address: checked; nothing else is connected to.
        tls: None speaks plain HTTP.
        deadline: of the exchange, on `time.monotonic()`.
        connect_s: limit for connecting and shaking hands.

    Raises:
        OSError: it did not work; TimeoutError and ssl.SSLError among them.
    """
    sock = DeadlineSocket(
        socket.AF_INET if address.version == 4 else socket.AF_INET6,  # noqa: PLR2004
        socket.SOCK_STREAM,
    )
    try:
        sock.deadline = min(deadline, time.monotonic() + connect_s)
        sock.connect((str(address), target.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return PinnedConnection(target, sock)
        return PinnedConnection(target, _shake_hands(sock, tls, target.host))
    except TimeoutError:
        sock.close()
        if time.monotonic() < deadline:
            raise ConnectTimedOut(connect_s) from None
        raise
    except BaseException:
        sock.close()
        raise


def _shake_hands(sock: DeadlineSocket, tls: ssl.SSLContext, host: str) -> DeadlineTlsSocket:
    """Wrap the socket in TLS and check that the certificate is the host's."""
    deadline = sock.deadline
    wrapped = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    if not isinstance(wrapped, DeadlineTlsSocket):
        raise TypeError("the TLS context must make DeadlineTlsSocket")
    try:
        wrapped.deadline = deadline
        wrapped.do_handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped
