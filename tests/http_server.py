"""Real HTTP servers on free ports of this machine, for tests of what goes out.

`serve` answers with a function; `serve_raw` hands over the bare connection, for answers that no
decent server would give.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Longest that a connection may be idle before its thread gives up, in seconds.
IDLE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as the server saw it."""

    method: str
    path: str  #: with the query
    headers: Mapping[str, str]  #: lower-case names
    body: bytes
    peer: tuple[str, int]  #: address and port of the client; a kept connection keeps its port


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answers; Content-Length is added unless a header says otherwise."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Quiet(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server whose threads end with it, and that prints nothing about clients that went away."""

    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of these tests break off on purpose."""


@dataclass(slots=True)
class HttpServer:
    """A running server."""

    port: int
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)  #: in the order of arrival
    stopping: threading.Event = field(default_factory=threading.Event)  #: wait on it, not on time

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Return a URL on this server."""
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextlib.contextmanager
def serve(
    respond: Callable[[Received], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[HttpServer]:
    """Serve until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            received = Received(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
                peer=self.client_address,
            )
            server.received.append(received)
            answer = respond(received)
            self.send_response(answer.status)
            names = {name.lower() for name in answer.headers}
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not names & {"content-length", "transfer-encoding"} and answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with _running(Handler, tls) as server:
        yield server


@contextlib.contextmanager
def serve_raw(
    talk: Callable[[socket.socket, HttpServer], None], tls: ssl.SSLContext | None = None
) -> Iterator[HttpServer]:
    """Call `talk` with each connection once the request's head has come in, then close it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(IDLE_S)
            head = b""
            while b"\r\n\r\n" not in head and (more := self.request.recv(65_536)):
                head += more
            with contextlib.suppress(OSError):
                talk(self.request, server)

    with _running(Handler, tls) as server:
        yield server


@contextlib.contextmanager
def _running(
    handler: type[socketserver.BaseRequestHandler], tls: ssl.SSLContext | None
) -> Iterator[HttpServer]:
    """Run a server in a thread; end its connections, and wait for its threads, at the end."""
    connections: set[socket.socket] = set()

    class Server(_Quiet):
        def get_request(self) -> tuple[socket.socket, Any]:
            connection, peer = super().get_request()
            if tls is not None:
                connection = tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            connections.add(connection)
            return connection, peer

    with Server(("127.0.0.1", 0), handler) as running:
        scheme = "https" if tls is not None else "http"
        server = HttpServer(port=running.server_address[1], scheme=scheme)
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            running.shutdown()
            thread.join()
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
