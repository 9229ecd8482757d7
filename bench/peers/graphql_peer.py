"""Run by `ratchet bench` in the peers' environment: `python graphql_peer.py NAME FILE`.

Serves the nested query of the bench with Strawberry or Ariadne from an SQLite file, with the
executions of all tasks of a page fetched in one statement, on the same server with the same number
of threads as Ratchet. Writes `serving http://…` when it listens.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication

#: Threads of Ratchet's own server with the settings of the bench.
THREADS = 116
TASKS = "SELECT id, name, description, version FROM tasks ORDER BY created_at DESC, id DESC"
NEWEST = """SELECT id, task_id, status, created_at, completed_at FROM (
    SELECT *, row_number() OVER (PARTITION BY task_id ORDER BY created_at DESC, id DESC) AS place
    FROM executions WHERE task_id IN (%s)
) WHERE place <= ? ORDER BY task_id, place"""


class Store:
    """Reads the file, with a connection for each thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = threading.local()

    def rows(self, statement: str, values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Return rows by column."""
        if not hasattr(self._own, "connection"):
            self._own.connection = sqlite3.connect(self._path)
            self._own.connection.row_factory = sqlite3.Row
        return [dict(row) for row in self._own.connection.execute(statement, tuple(values))]

    def tasks(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return a page of tasks, each knowing its page."""
        page = self.rows(f"{TASKS} LIMIT ? OFFSET ?", (limit, offset))
        for task in page:
            task["page"] = page
        return page

    def total(self) -> int:
        """Count the tasks."""
        return int(self.rows("SELECT count(*) AS total FROM tasks")[0]["total"])

    def executions(self, task: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        """Return the newest executions of a task, read for its whole page at once."""
        page = task["page"]
        if "executions" not in task:
            keys = [item["id"] for item in page]
            found = self.rows(NEWEST % ",".join("?" * len(keys)), (*keys, limit))
            for item in page:
                item["executions"] = [row for row in found if row["task_id"] == item["id"]]
        executions: list[dict[str, Any]] = task["executions"]
        return executions


class Server(BaseApplication):  # type: ignore[misc,unused-ignore] # gunicorn has no types
    """The server that Ratchet uses, too."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
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

    def load(self) -> Callable[..., Any]:
        """Return the application."""
        return self._application


def announce(arbiter: Any) -> None:
    """Tell where the server listens."""
    host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
    print(f"serving http://{host}:{port}", flush=True)


if __name__ == "__main__":
    peer = importlib.import_module(f"graphql_{sys.argv[1]}")
    Server(peer.application(Store(sys.argv[2]))).run()
