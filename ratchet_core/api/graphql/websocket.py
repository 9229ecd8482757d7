"""GraphQL over WebSocket, in either subprotocol; queries and mutations too.

The thread of the server reads what the client says and answers what has one result. Each
subscription has a thread and a place of its own; a client that does not read blocks only those.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, request
from simple_websocket import ConnectionClosed, Server

from ratchet_core.api.door.access import identify_with
from ratchet_core.api.door.body import parse_json
from ratchet_core.api.graphql.expiry import CredentialsEnded, seconds_left
from ratchet_core.api.graphql.feed import Feed
from ratchet_core.api.graphql.following import Client, Operating, entry
from ratchet_core.api.graphql.operation import read_request
from ratchet_core.api.graphql.places import Places
from ratchet_core.api.graphql.protocol import PROTOCOLS, TRANSPORT, Protocol
from ratchet_core.api.graphql.stream import encode
from ratchet_core.api.graphql.wire import Wire, open_channel
from ratchet_core.errors import AuthenticationFailed, InvalidRequest, RatchetError, RateLimited

#: How long a client may take to introduce itself.
_INIT_TIMEOUT_S: Final = 10.0
#: Pause between two looks whether the process is about to end.
_LOOK_S: Final = 1.0
_LONGEST_REASON: Final = 120

# Codes of the end of a connection, as graphql-transport-ws and RFC 6455 have them.
_NORMAL: Final = 1000
_RESTART: Final = 1012
_TRY_LATER: Final = 1013
_BAD_MESSAGE: Final = 4400
_NOT_INITIALISED: Final = 4401
_FORBIDDEN: Final = 4403
_NO_SUBPROTOCOL: Final = 4406
_INIT_TIMEOUT: Final = 4408
_KNOWN_ID: Final = 4409
_INIT_TWICE: Final = 4429

_log = logging.getLogger(__name__)


class _End(Exception):
    """The connection is to be ended with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may say."""

    max_message_bytes: int  #: longest message
    max_json_depth: int  #: of a message
    count: Callable[
        [], None
    ]  #: called per operation; raises `RateLimited` where there are too many


class Connection:
    """One client.

    Args:
        channel: the WebSocket.
        wire: its socket.
        protocol: that was agreed on.
        operating: makes what runs the operations of a client.
        feed: of the process.
        limits: of what the client says.
    """

    def __init__(
        self,
        channel: Server,
        wire: Wire,
        protocol: Protocol,
        operating: Callable[[Client], Operating],
        feed: Feed,
        limits: Limits,
    ) -> None:
        self._channel = channel
        self._wire = wire
        self._protocol = protocol
        self._feed = feed
        self._limits = limits
        self._initialised = False
        self._sending = threading.Lock()
        self._operating = operating(self)

    def serve(self) -> None:
        """Answer the client until it goes, or has to."""
        end = _End(_NORMAL, "")
        try:
            self._converse()
        except _End as error:
            end = error
        except (ConnectionClosed, OSError):
            return
        finally:
            self._operating.stop_all()
        self.close(end.code, end.reason)

    def _converse(self) -> None:
        began_at = time.monotonic()
        while True:
            text = self._channel.receive(timeout=_LOOK_S)
            if self._feed.is_closed:
                raise _End(_RESTART, "The server is about to restart; come back in a moment")
            if seconds_left() <= 0:
                raise _End(_FORBIDDEN, f"Forbidden: {CredentialsEnded().message}")
            self._wire.hear()
            if not self._initialised and time.monotonic() - began_at >= _INIT_TIMEOUT_S:
                raise _End(_INIT_TIMEOUT, "Connection initialisation timeout")
            if text is not None and self._hear(self._read(text)):
                return

    def _read(self, text: str | bytes) -> Mapping[str, Any]:
        raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
        try:
            message = parse_json(raw, self._limits.max_json_depth)
        except InvalidRequest as error:
            raise _End(_BAD_MESSAGE, error.message) from None
        if not (isinstance(message, dict) and isinstance(message.get("type"), str)):
            raise _End(_BAD_MESSAGE, "A message is a JSON object with a `type`")
        return message

    def _hear(self, message: Mapping[str, Any]) -> bool:
        """Do what a message says; True when it says goodbye."""
        protocol, kind = self._protocol, message["type"]
        if kind == "connection_init":
            self._initialise(message.get("payload"))
        elif kind == "ping":
            self._send({"type": "pong"})
        elif kind == "connection_terminate":
            return True
        elif kind == protocol.subscribe:
            self._start(message)
        elif kind == protocol.stop:
            self._operating.stop(str(message.get("id")))
        elif kind != "pong":
            raise _End(_BAD_MESSAGE, f"'{kind[:50]}' is no type of message in {protocol.name}")
        return False

    def _initialise(self, payload: Any) -> None:
        if self._initialised:
            raise _End(_INIT_TWICE, "Too many initialisation requests")
        try:
            identify_with(request, payload if isinstance(payload, dict) else {})
        except AuthenticationFailed as error:
            raise _End(_FORBIDDEN, f"Forbidden: {error.message}") from None
        self._initialised = True
        self._send({"type": "connection_ack"})
        if self._protocol.keep_alive is not None:
            self._send({"type": self._protocol.keep_alive})

    def _start(self, message: Mapping[str, Any]) -> None:
        key = message.get("id")
        if not isinstance(key, str) or not key:
            raise _End(_BAD_MESSAGE, "An operation needs an `id`")
        if not self._initialised:
            raise _End(_NOT_INITIALISED, "Unauthorized: send `connection_init` first")
        if key in self._operating:
            raise _End(_KNOWN_ID, f"Subscriber for {key[:50]} already exists")
        try:
            self._limits.count()
            asked = read_request(message.get("payload"))
        except (InvalidRequest, RateLimited) as error:
            self.tell_refusal(key, [entry(error)])
        else:
            self._operating.start(key, asked)

    def tell_result(self, key: str, result: Mapping[str, Any]) -> None:
        """Send one result of an operation."""
        self._send({"id": key, "type": self._protocol.next, "payload": result})

    def tell_end(self, key: str) -> None:
        """Send that an operation has no more results."""
        self._send({"id": key, "type": "complete"})

    def tell_refusal(self, key: str, errors: Sequence[Mapping[str, Any]]) -> None:
        """Send that an operation is not executed, or not any longer."""
        self._send(self._protocol.error(key, errors))

    def tell_expiry(self, _key: str, error: CredentialsEnded) -> None:
        """End the connection: a client that comes back asks for new credentials first."""
        self.close(_FORBIDDEN, f"Forbidden: {error.message}")

    def _send(self, message: Mapping[str, Any]) -> None:
        text = encode(message).decode()
        try:
            with self._sending:
                self._channel.send(text)
        except ConnectionClosed:
            raise ConnectionAbortedError from None

    def hang_up(self) -> None:
        """End a connection whose client does not read; never raises."""
        raw = self._channel.sock
        with contextlib.suppress(OSError):
            if raw is not None:
                raw.shutdown(socket.SHUT_RDWR)

    def close(self, code: int, reason: str) -> None:
        """End the connection; never raises."""
        with contextlib.suppress(OSError, ConnectionClosed), self._sending:
            # the stubs know none of the codes that applications may use
            self._channel.close(code, reason[:_LONGEST_REASON] or None)  # type: ignore[arg-type]


def answer_socket(
    operating: Callable[[Client], Operating], feed: Feed, connections: Places, limits: Limits
) -> Response:
    """Serve the WebSocket that this call asks for; returns when it has ended.

    Args:
        operating: makes what runs the operations of a client.
        feed: of the process.
        connections: places for connections; each occupies a thread of the server.
        limits: of what the client says.
    """
    channel, wire = open_channel(request.environ, limits.max_message_bytes)
    protocol = PROTOCOLS.get(channel.subprotocol or "")
    client = Connection(channel, wire, protocol or TRANSPORT, operating, feed, limits)
    _serve(client, protocol, connections)
    return _Taken(channel.mode)


def _serve(client: Connection, protocol: Protocol | None, connections: Places) -> None:
    if protocol is None:
        names = ", ".join(PROTOCOLS)
        client.close(_NO_SUBPROTOCOL, f"Subprotocol not acceptable; speak one of {names}")
        return
    try:
        with connections.taken():
            client.serve()
    except RatchetError as error:
        client.close(_TRY_LATER, error.message)


class _Taken(Response):
    """The answer to a call whose socket was taken over: it must not be written."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        """Tell gunicorn that the connection is over; other servers get an empty answer."""
        if self._mode == "gunicorn":
            raise StopIteration
        return super().__call__(environ, start_response) if self._mode == "werkzeug" else []
