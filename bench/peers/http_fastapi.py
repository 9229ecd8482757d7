"""FastAPI for http_peer.py, behind uvicorn with one process."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn
from fastapi import FastAPI


def application(store: Any) -> FastAPI:
    """Return the application; plain functions run on the library's threads."""
    app = FastAPI()

    @app.get("/api/v1/jobs")
    def listed(limit: int) -> dict[str, Any]:
        found: dict[str, Any] = store.newest(limit)
        return found

    @app.post("/api/v1/tasks/{task_id}/execute", status_code=202)
    def execute(task_id: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = store.add(task_id, str(body["input"]))
        return made

    return app


def serve(store: Any) -> None:
    """Serve until the end."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        host, port = listening.getsockname()
        print(f"serving http://{host}:{port}", flush=True)
        config = uvicorn.Config(application(store), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listening])
