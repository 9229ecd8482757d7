"""Event streams that carry many operations: the single connection mode of `graphql-sse`.

A client reserves a stream, opens it once, and starts and ends operations by calls that name the
stream by its token. Reservations are kept in memory: all these calls have to reach one process.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from flask import Response, request

from ratchet_core.api.door.call import principal
from ratchet_core.api.graphql.expiry import CredentialsEnded, seconds_left
from ratchet_core.api.graphql.feed import Feed
from ratchet_core.api.graphql.following import Client, Operating, entry
from ratchet_core.api.graphql.stream import event, stream_of
from ratchet_core.api.graphql.subscription import HEARTBEAT_S
from ratchet_core.errors import Conflict, InvalidRequest, NotFound, Unavailable

#: Header, or parameter, that names a reserved stream.
TOKEN_HEADER: Final = "X-GraphQL-Event-Stream-Token"  # noqa: S105 - a name
TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a name

#: How long a stream may be reserved without being opened, and a reader may take to read.
_UNOPENED_S: Final = 30.0
_TAKE_TIMEOUT_S: Final = 20.0
#: Messages that wait to be written; who wants to tell more waits.
_MOST_UNWRITTEN: Final = 4
#: Pause between two looks whether the stream, or the process, is about to end.
_LOOK_S: Final = 1.0


class StreamNotFound(NotFound):
    """No stream of that token is reserved here."""

    code = "STREAM_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "No event stream of that token is reserved in this server process: reserve one with "
            "PUT, and let one process serve all calls for it"
        )


class StreamTaken(Conflict):
    """The stream is open already."""

    code = "STREAM_TAKEN"


class Reservation(Client):
    """One stream, reserved or open.

    Args:
        owner: who reserved it; it does not exist for others.
        operating: makes what runs its operations.
    """

    def __init__(self, owner: str, operating: Callable[[Client], Operating]) -> None:
        self.owner = owner
        self.operating = operating(self)
        self._unwritten: queue.Queue[bytes] = queue.Queue(_MOST_UNWRITTEN)
        self._made_at = time.monotonic()
        self._lock = threading.Lock()
        self._is_open = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or was not opened in time."""
        age_s = time.monotonic() - self._made_at
        return self._is_over or (not self._is_open and age_s > _UNOPENED_S)

    def open(self) -> None:
        """Take the stream.

        Raises:
            StreamTaken: somebody has.
        """
        with self._lock:
            if self._is_open:
                message = "The event stream of that token is open already"
                raise StreamTaken(message)
            self._is_open = True

    def end(self) -> None:
        """End the stream and its operations."""
        self._is_over = True
        self.operating.stop_all()

    def written(self, feed: Feed) -> Generator[bytes, None, None]:
        """Yield what is to be written, until the stream has to end."""
        yield b":\n\n"  # lets the client see at once that the stream is open
        written_at = time.monotonic()
        while not (self._is_over or feed.is_closed or seconds_left() <= 0):
            with suppress(queue.Empty):
                yield self._unwritten.get(timeout=min(_LOOK_S, max(0.0, seconds_left())))
                written_at = time.monotonic()
            if time.monotonic() - written_at > HEARTBEAT_S / 2:
                yield b":\n\n"
                written_at = time.monotonic()

    def tell_result(self, key: str, result: Mapping[str, Any]) -> None:
        """Send one result of an operation."""
        self._tell("next", {"id": key, "payload": result})

    def tell_end(self, key: str) -> None:
        """Send that an operation has no more results."""
        self._tell("complete", {"id": key})

    def tell_refusal(self, key: str, errors: Sequence[Mapping[str, Any]]) -> None:
        """Send that an operation is not executed, or not any longer."""
        self.tell_result(key, {"errors": list(errors)})
        self.tell_end(key)

    def tell_expiry(self, key: str, error: CredentialsEnded) -> None:
        """Send that an operation ends because the credentials do."""
        self.tell_refusal(key, [entry(error)])

    def hang_up(self) -> None:
        """End a stream whose client does not read; never raises."""
        self._is_over = True

    def _tell(self, name: str, value: Mapping[str, Any]) -> None:
        message = event(name, value)
        give_up_at = time.monotonic() + _TAKE_TIMEOUT_S
        while time.monotonic() < give_up_at and not self.is_over:
            with suppress(queue.Full):
                self._unwritten.put(message, timeout=_LOOK_S)
                return
        self._is_over = True
        raise BrokenPipeError


class Reservations:
    """The reserved streams of one process.

    Args:
        operating: makes what runs the operations of one.
        limit: how many there may be.
    """

    def __init__(self, operating: Callable[[Client], Operating], limit: int) -> None:
        self._operating = operating
        self._limit = limit
        self._lock = threading.Lock()
        self._known: dict[str, Reservation] = {}

    def reserve(self) -> str:
        """Reserve a stream for the caller and return its token.

        Raises:
            Unavailable: there are too many.
        """
        token = secrets.token_urlsafe(24)
        with self._lock:
            gone = [key for key, item in self._known.items() if item.is_over]
            ended = [self._known.pop(key) for key in gone]
            if len(self._known) >= self._limit:
                message = (
                    f"This server process has {self._limit} reserved event streams already; try "
                    "again later, or raise graphql.max_subscriptions"
                )
                raise Unavailable(message, _UNOPENED_S)
            self._known[token] = Reservation(principal(), self._operating)
        for reservation in ended:
            reservation.end()
        return token

    def find(self) -> Reservation:
        """Return the stream that this call names.

        Raises:
            StreamNotFound: there is none, or it is somebody else's.
        """
        reservation = self._known.get(token_of_call() or "")
        if reservation is None or reservation.is_over or reservation.owner != principal():
            raise StreamNotFound
        return reservation

    def drop(self, reservation: Reservation) -> None:
        """Forget a stream that has ended."""
        reservation.end()
        with self._lock:
            for key, item in list(self._known.items()):
                if item is reservation:
                    del self._known[key]


def token_of_call() -> str | None:
    """Return the token of the reserved stream that this call is about; None where there is none."""
    return request.headers.get(TOKEN_HEADER) or request.args.get(TOKEN_PARAMETER)


def operation_id(value: Any) -> str:
    """Return the name that a client gives an operation.

    Args:
        value: a request of GraphQL.

    Raises:
        InvalidRequest: it has none.
    """
    given = value.get("extensions") if isinstance(value, dict) else None
    key = given.get("operationId") if isinstance(given, dict) else None
    if not isinstance(key, str) or not key:
        message = "An operation on a reserved event stream needs `extensions.operationId`"
        raise InvalidRequest(message)
    return key


def answer_reserved(
    reservation: Reservation, reservations: Reservations, feed: Feed, at_end: Callable[[], None]
) -> Response:
    """Return a reserved stream as the answer to this call.

    Args:
        reservation: that was opened for it.
        reservations: forget it at the end.
        feed: of the process.
        at_end: called once the stream has ended, whoever ended it.
    """
    response = stream_of(reservation.written(feed))
    response.call_on_close(lambda: reservations.drop(reservation))
    response.call_on_close(at_end)
    return response
