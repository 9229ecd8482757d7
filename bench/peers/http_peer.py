"""Run by `ratchet bench`: `python http_peer.py flask|fastapi FILE`.

Serves what the rows of many clients ask for: the newest jobs with the number of all, and one
durable row per submission, from one table of an SQLite file. Flask runs behind the server that
Ratchet uses, with as many threads; FastAPI behind uvicorn, its functions on that library's threads.
Each writes `serving http://…` when it listens.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
import threading
import time
import uuid
from typing import Any

NEWEST = "SELECT * FROM jobs ORDER BY created_at DESC, id DESC LIMIT ?"
INSERT = "INSERT INTO jobs VALUES (?, ?, 'pending', ?, ?, NULL)"


class Store:
    """The file, with a connection for each thread; one thread writes at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own = threading.local()
        self._turn = threading.Lock()

    def newest(self, limit: int) -> dict[str, Any]:
        """Return a page of jobs."""
        connection = self._connection()
        rows = [dict(row) for row in connection.execute(NEWEST, (limit,))]
        total = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        return {"items": rows, "total": total}

    def add(self, task_id: str, given: str) -> dict[str, Any]:
        """Store a job."""
        job_id, now = str(uuid.uuid4()), time.time_ns() // 1000
        connection = self._connection()
        with self._turn, connection:
            connection.execute(INSERT, (job_id, task_id, given, now))
        return {"job": {"id": job_id, "task_id": task_id, "status": "pending", "created_at": now}}

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = sqlite3.connect(self._path, timeout=30)
            self._own.connection.row_factory = sqlite3.Row
            self._own.connection.execute("PRAGMA synchronous=FULL")
        connection: sqlite3.Connection = self._own.connection
        return connection


if __name__ == "__main__":
    importlib.import_module(f"http_{sys.argv[1]}").serve(Store(sys.argv[2]))
