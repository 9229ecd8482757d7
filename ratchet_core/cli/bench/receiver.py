"""Run by the rows of deliveries: a server that answers every POST with 200 and notes its arrival.

It stands behind the server that Ratchet uses, in one process with threads. A GET waits for as many
arrivals as it names, answers with them, and forgets them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from gunicorn.app.base import BaseApplication

#: More than anybody sends at once here, and those who wait.
_THREADS: Final = 32
#: Longest wait for arrivals.
WAIT_S: Final = 300.0

_Respond = Callable[[str, list[tuple[str, str]]], object]


class Receiver:
    """The WSGI application."""

    def __init__(self) -> None:
        self._arrivals: list[tuple[str, float, int]] = []
        self._changed = threading.Condition()

    def __call__(self, environ: Mapping[str, Any], respond: _Respond) -> Iterable[bytes]:
        """Take a webhook, or answer with those that came."""
        if environ["REQUEST_METHOD"] == "POST":
            size = len(environ["wsgi.input"].read())
            self._note((environ.get("HTTP_WEBHOOK_ID", ""), time.time(), size))
            body = b""
        else:
            count = int(parse_qs(environ["QUERY_STRING"])["count"][0])
            body = orjson.dumps(self._take(count))
        respond("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def _note(self, arrival: tuple[str, float, int]) -> None:
        with self._changed:
            self._arrivals.append(arrival)
            self._changed.notify_all()

    def _take(self, count: int) -> list[tuple[str, float, int]]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._arrivals) >= count, WAIT_S)
            taken, self._arrivals = self._arrivals, []
            return taken


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    def load_config(self) -> None:
        """Set what gunicorn would read from its command line."""
        for name, value in {
            "bind": "127.0.0.1:0",
            "worker_class": "gthread",
            "threads": _THREADS,
            "keepalive": 30,
            "loglevel": "warning",
            "when_ready": _announce,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Receiver:
        """Return the application."""
        return Receiver()


def _announce(arbiter: Any) -> None:
    host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
    print(f"serving http://{host}:{port}", flush=True)  # noqa: T201 - the bench reads it


if __name__ == "__main__":
    _Server().run()
