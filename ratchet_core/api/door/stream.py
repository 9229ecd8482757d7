"""Answers that go on: server-sent events over a thread of the server, ended when the server ends.

What is sent is the route's affair; here are the frames, the signs of life and the places.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from flask import Response, stream_with_context

from ratchet_core.api.door.answer import mend
from ratchet_core.api.door.call import caller
from ratchet_core.errors import Unavailable

CONTENT_TYPE: Final = "text/event-stream"
#: A comment goes out where nothing else did for so long: a client that went away is noticed by it.
SIGN_OF_LIFE_S: Final = 10.0
_RETRY_AFTER_S: Final = 5.0
_COMMENT: Final = b":\n\n"


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of a stream."""

    name: str  #: of the event
    value: Any  #: JSON value
    place: int | None = None  #: what a client that comes back names as `Last-Event-ID`

    def frame(self) -> bytes:
        """Return the bytes that say it."""
        try:
            data = orjson.dumps(self.value)
        except TypeError:  # the only text that orjson refuses holds lone surrogates
            data = orjson.dumps(mend(self.value))
        head = f"event: {self.name}\n" + ("" if self.place is None else f"id: {self.place}\n")
        return head.encode("ascii") + b"data: " + data + b"\n\n"


class Streams:
    """The open streams of one application: so many and no more, and all of them end with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._closing = threading.Event()

    def close(self) -> None:
        """End all streams; their clients come back and find another process."""
        self._closing.set()

    def is_over(self) -> bool:
        """Tell whether a stream of this call has to end: the server does, or the credentials."""
        known = caller()
        ends_at = None if known is None else known.expires_at
        return self._closing.is_set() or (ends_at is not None and datetime.now(UTC) >= ends_at)

    def pause(self, seconds: float) -> None:
        """Wait for a while, or for the end."""
        self._closing.wait(seconds)

    def answer(self, events: Callable[[], Iterator[Sent | None]], limit: int) -> Response:
        """Return an answer that sends events until there are no more.

        Args:
            events: yields what to send, and None now and then while there is nothing.
            limit: most streams that may be open.

        Raises:
            Unavailable: so many are open already.
        """
        self._take(limit)
        body = _frames(events())
        response = Response(
            stream_with_context(body), content_type=f"{CONTENT_TYPE}; charset=utf-8"
        )
        response.headers["Cache-Control"] = "no-cache, no-store"
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(self._give_back)
        return response

    def _take(self, limit: int) -> None:
        with self._lock:
            if self._open >= limit:
                message = f"{limit} streams of logs are open already (logs.max_streams)"
                raise Unavailable(message, _RETRY_AFTER_S)
            self._open += 1

    def _give_back(self) -> None:
        with self._lock:
            self._open -= 1


def _frames(events: Iterator[Sent | None]) -> Iterator[bytes]:
    yield _COMMENT  # the client sees at once that it is connected
    written_at = time.monotonic()
    for event in events:
        if event is not None:
            yield event.frame()
        elif time.monotonic() - written_at >= SIGN_OF_LIFE_S:
            yield _COMMENT
        else:
            continue
        written_at = time.monotonic()
