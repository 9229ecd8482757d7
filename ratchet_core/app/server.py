"""The HTTP server: gunicorn with threads, embedded. What it serves does not live here."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from ratchet_core.app.affinity import keep_together
from ratchet_core.app.factory import create_app
from ratchet_core.config import Settings, check_bind
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id

#: Seconds that running requests get to finish after SIGTERM; a `wait` takes up to 60.
GRACE_S: Final = 10
#: Seconds after which a worker process that does not answer its arbiter is replaced.
_STUCK_S: Final = 120
_KEEP_ALIVE_S: Final = 30
#: Longest request line; gunicorn takes no more than this.
_URL_BYTES: Final = 8190
_WORKER: Final = "ratchet_core.app.worker.JsonErrorWorker"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server runs."""

    processes: int = 1  #: worker processes
    threads: int = 16  #: of each process
    on_ready: Callable[[str, int], None] | None = None  #: called with address and port once bound
    log_level: str = "warning"  #: of gunicorn's own log


def run_server(ratchet: Ratchet, options: ServerOptions | None = None) -> None:
    """Serve `ratchet` until SIGTERM or SIGINT; returns by `SystemExit` as gunicorn does.

    Args:
        ratchet: must have opened no connection that the forked processes could share; each of
            them opens its own.
        options: how the server runs.

    Raises:
        ConfigurationError: the address may not be served as the settings are.
    """
    check_bind(ratchet.settings)
    app = create_app(ratchet)
    ratchet.dispose_pools()
    EmbeddedServer(app, ratchet, options or ServerOptions()).run()


class EmbeddedServer(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """gunicorn over an application that exists already."""

    def __init__(self, app: Flask, ratchet: Ratchet, options: ServerOptions) -> None:
        self._flask = app
        self._ratchet = ratchet
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn would read from its command line."""
        for name, value in self._configuration().items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application, in each worker process."""
        return self._flask

    def _configuration(self) -> dict[str, Any]:
        server = self._ratchet.settings.server
        address = f"[{server.bind_address}]" if ":" in server.bind_address else server.bind_address
        return {
            "bind": f"{address}:{server.port}",
            "worker_class": _WORKER,
            "workers": self._options.processes,
            "threads": self._options.threads + _followers(self._ratchet.settings),
            "timeout": _STUCK_S,
            "graceful_timeout": GRACE_S,
            "limit_request_line": _URL_BYTES,
            "keepalive": _KEEP_ALIVE_S,
            "loglevel": self._options.log_level,
            "proc_name": "ratchet-api",
            "post_fork": self._begin_process,
            "when_ready": self._announce,
            "control_socket_disable": True,
            **_tls(self._ratchet.settings),
        }

    def _begin_process(self, _arbiter: Arbiter, _worker: object) -> None:
        if self._ratchet.settings.server.one_processor:
            keep_together()
        self._ratchet.forget_connections()
        self._ratchet.plugins.watch("api", new_id())

    def _announce(self, arbiter: Arbiter) -> None:
        if self._options.on_ready is not None:
            host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
            self._options.on_ready(host, port)


def _followers(settings: Settings) -> int:
    """Return how many calls may go on for as long as their clients want."""
    return settings.graphql.max_subscriptions + settings.logs.max_streams


def _tls(settings: Settings) -> dict[str, Any]:
    tls = settings.server.tls
    if tls.cert_file is None or tls.key_file is None:
        return {}
    lowest = ssl.TLSVersion.TLSv1_3 if tls.min_version == "1.3" else ssl.TLSVersion.TLSv1_2

    def context(_config: object, make_default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        made = make_default()
        made.minimum_version = lowest
        return made

    return {
        "certfile": str(tls.cert_file),
        "keyfile": str(tls.key_file),
        "ssl_context": context,
    }
