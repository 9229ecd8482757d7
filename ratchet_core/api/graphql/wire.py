"""The socket below a WebSocket: whole frames out, no waiting for ever, no flood in."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Mapping, Sized
from typing import Any, Final

from simple_websocket import Server

from ratchet_core.api.graphql.protocol import PROTOCOLS

#: How long a client may take to make room for what it is sent.
_SEND_TIMEOUT_S: Final = 20
_PING_S: Final = 25.0
#: Messages that wait to be heard; of a client that sends more no more is read.
_MOST_UNHEARD: Final = 16
#: Pause between two looks whether they were heard.
_LOOK_S: Final = 1.0


class Wire:
    """The socket: whole frames, one thread at a time.

    Args:
        raw: the socket itself.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._lock = threading.Lock()
        self._unheard: Sized = ()
        self._heard = threading.Event()
        timeout = struct.pack("ll", _SEND_TIMEOUT_S, 0)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        with contextlib.suppress(OSError):  # a Unix socket knows nothing of it
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, frame: bytes) -> int:
        """Send all of `frame`."""
        with self._lock:
            self._raw.sendall(frame)
        return len(frame)

    def watch(self, unheard: Sized) -> None:
        """Read no more while this holds messages that nobody has heard."""
        self._unheard = unheard

    def hear(self) -> None:
        """Note that a message was heard."""
        self._heard.set()

    def recv(self, size: int) -> bytes:
        """Receive what there is, once what came before has been heard."""
        while len(self._unheard) >= _MOST_UNHEARD and self._raw.fileno() >= 0:
            self._heard.wait(_LOOK_S)
            self._heard.clear()
        return self._raw.recv(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def open_channel(environ: Mapping[str, Any], max_message_bytes: int) -> tuple[Server, Wire]:
    """Return the WebSocket that a call asks for, and its socket.

    Args:
        environ: of the call, from gunicorn or werkzeug.
        max_message_bytes: longest message that is taken.
    """
    asked = dict(environ)
    key = "gunicorn.socket" if "gunicorn.socket" in asked else "werkzeug.socket"
    wire = asked[key] = Wire(asked[key])
    asked.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)  # compression holds 300 KB per connection
    channel = Server(
        asked,
        subprotocols=list(PROTOCOLS),
        ping_interval=_PING_S,
        max_message_size=max_message_bytes,
        selector_class=selectors.PollSelector,  # the default costs a file descriptor each
    )
    wire.watch(channel.input_buffer)
    return channel, wire
