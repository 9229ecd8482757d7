"""Server-sent events: the protocol of `graphql-sse`, one connection per operation.

Each result is an event `next`, the end an event `complete`. A comment goes out where nothing else
did for a while, so that a client that went away is noticed. Many operations on one connection are
in `reservation`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

import orjson
from flask import Response, request, stream_with_context

from ratchet_core.api.door.answer import mend
from ratchet_core.api.graphql.feed import Follower
from ratchet_core.api.graphql.following import entry
from ratchet_core.api.graphql.operation import Operations, Request, refusal_body
from ratchet_core.api.graphql.problem import Refused
from ratchet_core.api.graphql.subscription import HEARTBEAT_S, Closing

CONTENT_TYPE: Final = "text/event-stream"

_log = logging.getLogger(__name__)


def is_asked_for() -> bool:
    """Tell whether this call wants its answer as a stream of events."""
    return CONTENT_TYPE in request.headers.get("Accept", "")


def answer_stream(
    operations: Operations, asked: Request, *, may_change: bool, at_end: Callable[[], None]
) -> Response:
    """Return the answer to one operation as a stream of events.

    Args:
        operations: of the schema.
        asked: the operation.
        may_change: False refuses mutations, which a GET must not carry.
        at_end: called once the stream has ended, whoever ended it.
    """
    response = stream_of(_events(operations, asked, may_change=may_change))
    response.call_on_close(at_end)
    return response


def stream_of(events: Generator[bytes, None, None]) -> Response:
    """Return an answer that is written as it comes, closed whoever ends it."""
    response = Response(stream_with_context(events), content_type=f"{CONTENT_TYPE}; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache, no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(events.close)
    return response


def _events(
    operations: Operations, asked: Request, *, may_change: bool
) -> Generator[bytes, None, None]:
    written_at = -math.inf
    try:
        for answer in _answers(operations, asked, may_change=may_change):
            if answer is not None:
                yield event("next", answer)
            elif time.monotonic() - written_at < HEARTBEAT_S / 2:
                continue
            else:
                yield b":\n\n"
            written_at = time.monotonic()
    except Closing:
        return  # without `complete`: the client is to come back
    yield b"event: complete\ndata: \n\n"


def _answers(
    operations: Operations, asked: Request, *, may_change: bool
) -> Iterator[dict[str, Any] | None]:
    try:
        operation = operations.prepare(asked)
        if operation.is_mutation and not may_change:
            yield {
                "errors": [
                    {
                        "message": "A GET request may not carry a mutation; use POST",
                        "extensions": {"code": "METHOD_NOT_ALLOWED"},
                    }
                ]
            }
        elif operation.is_subscription:
            results = operations.subscribe(operation, Follower())
            yield None  # lets the client see that what happens from now on reaches it
            yield from results
        else:
            yield operations.execute(operation)
    except Refused as refusal:
        yield refusal_body(refusal)
    except (Closing, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - the stream has begun: this is the only way to tell
        yield {"errors": [entry(error)]}


def event(name: str, value: Any) -> bytes:
    """Return an event of a stream."""
    return b"event: " + name.encode() + b"\ndata: " + encode(value) + b"\n\n"


def encode(answer: Any) -> bytes:
    """Return an answer as JSON; text that is no valid Unicode is mended."""
    try:
        return orjson.dumps(answer)
    except TypeError:  # the only text that orjson refuses holds lone surrogates
        return orjson.dumps(mend(answer))
