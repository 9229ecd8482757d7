"""Plain Flask for http_peer.py, behind the server that Ratchet uses."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from gunicorn.app.base import BaseApplication

#: Threads of Ratchet's own server with the settings of the bench.
THREADS = 116


def application(store: Any) -> Flask:
    """Return the application."""
    app = Flask(__name__)

    @app.get("/api/v1/jobs")
    def listed() -> dict[str, Any]:
        found: dict[str, Any] = store.newest(int(request.args["limit"]))
        return found

    @app.post("/api/v1/tasks/<task_id>/execute")
    def execute(task_id: str) -> tuple[dict[str, Any], int]:
        return store.add(task_id, str(request.get_json()["input"])), 202

    return app


class Server(BaseApplication):  # type: ignore[misc,unused-ignore] # gunicorn has no types
    """One process with threads."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn would read from its command line."""
        for name, value in {
            "bind": "127.0.0.1:0",
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 30,
            "loglevel": "warning",
            "when_ready": announce,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application."""
        return self._app


def announce(arbiter: Any) -> None:
    """Tell where the server listens."""
    host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
    print(f"serving http://{host}:{port}", flush=True)


def serve(store: Any) -> None:
    """Serve until the end."""
    Server(application(store)).run()
