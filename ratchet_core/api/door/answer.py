"""JSON answers: orjson out, an ETag where a client may keep the answer."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from flask import Response, request


def json(value: Any, status: int = 200) -> Response:
    """Return `value` as the body of an answer.

    Args:
        value: JSON value; text that is no valid Unicode is mended, not refused.
        status: of the answer.
    """
    try:
        body = orjson.dumps(value)
    except TypeError:  # the only text that orjson refuses holds lone surrogates
        body = orjson.dumps(mend(value))
    return Response(body, status=status, content_type="application/json")


def empty(status: int = 204) -> Response:
    """Return an answer without a body."""
    response = Response(b"", status=status)
    del response.headers["Content-Type"]
    return response


def cacheable(value: Any) -> Response:
    """Return `value` with an ETag, or 304 where the client has it already.

    The client may keep the answer and has to ask each time whether it still holds.
    """
    return _kept(json(value))


def cacheable_text(text: str, content_type: str) -> Response:
    """Return text as `cacheable` returns JSON."""
    return _kept(Response(text, content_type=content_type))


def _kept(response: Response) -> Response:
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


def mend(value: Any) -> Any:
    """Return `value` with every lone surrogate in its texts replaced by `?`."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {mend(key): mend(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mend(item) for item in value]
    return value
