"""gunicorn's threaded worker, with JSON where gunicorn itself would answer in HTML.

It answers itself when a request is so broken that no application gets to see it.
"""

from __future__ import annotations

import logging
import socket
from datetime import UTC, datetime
from http import HTTPStatus
from types import FrameType
from typing import Any, Final

import orjson
import uuid_utils
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from ratchet_core.api.door.call import AT_EXIT
from ratchet_core.api.door.guard import HEADERS
from ratchet_core.api.door.moment import to_millis

_log = logging.getLogger(__name__)

#: Status of each class of broken request; all others are 400.
_STATUSES: Final = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
)


class JsonErrorWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves with threads; tells of broken requests in JSON; ends long answers when it has to."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking calls, and end those that would never end by themselves."""
        app = getattr(self, "wsgi", None)  # not there yet while the process starts
        for end in getattr(app, "extensions", {}).get(AT_EXIT, ()):
            end()
        super().handle_exit(sig, frame)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that the application never saw, or that broke its answer."""
        status = status_of(exc)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("the server could not answer a request", exc_info=exc)
        else:
            _log.warning("a request from %s cannot be read: %s", (addr or ("?",))[0], exc)
        try:
            client.sendall(broken_request(status))
        except OSError:
            _log.debug("the client of a broken request is gone")


def status_of(error: Exception) -> HTTPStatus:
    """Return the status that tells of `error`."""
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def broken_request(status: HTTPStatus) -> bytes:
    """Return the whole answer to a request that cannot be read."""
    is_ours = status is HTTPStatus.INTERNAL_SERVER_ERROR
    call_id = str(uuid_utils.uuid7())
    error = {
        "type": "RuntimeError" if is_ours else "ValidationError",
        "message": "Something went wrong on our side"
        if is_ours
        else f"{status.phrase}: the request is no HTTP that we can read",
        "code": "INTERNAL_ERROR" if is_ours else "BAD_REQUEST",
        "trace_id": call_id,
        "timestamp": to_millis(datetime.now(UTC)),
    }
    body = orjson.dumps({"error": error})
    guarding = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-ID: {call_id}\r\n{guarding}\r\n"
    )
    return head.encode("ascii") + body
