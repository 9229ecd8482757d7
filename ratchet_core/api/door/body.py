"""Request bodies: strict JSON within limits. What the values mean does not live here.

Refused, each with its place: what is not UTF-8 or not JSON (NaN and lone surrogates are not), a
body over the size limit, values nested deeper than the depth limit, numbers that no client could
get back as it sent them, an object with the same key twice (parsers differ in which one counts).
Content types are checked wherever there is a body, which also keeps
other sites' forms out (decisions.md section 5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from flask import Request

from ratchet_core.api.door.refusal import UnsupportedMediaType
from ratchet_core.errors import InvalidRequest, PayloadTooLarge

#: Nesting that can be written back with room for what an answer wraps around it.
_WRITABLE_DEPTH: Final = 240
#: Read and thrown away of a body that is too large, so that the client gets to read the answer.
_DISCARDED_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 65_536
#: A number of so many digits may not fit 64 bits.
_LONG_NUMBER: Final = re.compile(rb"\d{19}")
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may be."""

    max_bytes: int = 10 * 1024 * 1024  #: of the whole body
    max_depth: int = 100  #: of arrays and objects in each other


def read_json(request: Request, limits: BodyLimits, absent: Any = None) -> Any:
    """Return the body of `request` as a JSON value, `absent` where there is no body.

    Raises:
        UnsupportedMediaType: there is a body and it is not said to be JSON.
        PayloadTooLarge: the body is larger than the limit.
        InvalidRequest: the body is not JSON, or is nested too deeply.
    """
    raw = read_bytes(request, limits.max_bytes)
    if not raw:
        return absent
    check_content_type(request)
    return parse_json(raw, min(limits.max_depth, _WRITABLE_DEPTH))


def has_body(request: Request) -> bool:
    """Tell whether `request` comes with a body, without reading it."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Return the body of `request`.

    Raises:
        PayloadTooLarge: it is over `max_bytes`.
    """
    is_announced = (request.content_length or 0) > max_bytes
    raw = b"" if is_announced else bytes(request.stream.read(max_bytes + 1))
    if is_announced or len(raw) > max_bytes:
        _discard(request)
        message = (
            f"The body is larger than the limit of {max_bytes:,} bytes (limits.max_body_bytes)"
        )
        raise PayloadTooLarge(message)
    return raw


def check_content_type(request: Request) -> None:
    """Raise UnsupportedMediaType unless the body is said to be JSON in UTF-8."""
    kind = request.mimetype
    if kind != "application/json" and not (kind.startswith("application/") and "+json" in kind):
        said = f"'{kind}'" if kind else "nothing"
        raise UnsupportedMediaType(
            f"The body has to be JSON with 'Content-Type: application/json'; it says {said}"
        )
    charset = request.mimetype_params.get("charset", "utf-8").strip("\"'").lower()
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(f"JSON is UTF-8; the body says charset '{charset}'")


def parse_json(raw: bytes, max_depth: int) -> Any:
    """Return `raw` as a JSON value.

    Raises:
        InvalidRequest: it is not JSON, nested deeper than `max_depth`, holds an integer that does
            not fit 64 bits, or an object with the same key twice.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(_explain(raw, error, max_depth)) from None
    if raw.count(b"[") + raw.count(b"{") > max_depth and _is_deeper(value, max_depth):
        raise InvalidRequest(_TOO_DEEP.format(max_depth))
    if _LONG_NUMBER.search(raw):
        json.loads(raw, parse_int=_fitting_integer)
    if raw.count(b":") > 1:
        _check_keys(raw)
    return value


class _KeyTwice(Exception):
    """An object of the body has a key twice."""


class _Members(list[tuple[str, Any]]):
    """The members of an object as they stand in the body."""


def _check_keys(raw: bytes) -> None:
    """Raise InvalidRequest where an object has the same key twice, with its place."""
    try:
        json.loads(raw, object_pairs_hook=_without_twins)
    except _KeyTwice:
        members = json.loads(raw, object_pairs_hook=_Members)
        place = next(_twins(members))
        raise InvalidRequest(f"The body has '{place}' twice; give each key once") from None


def _without_twins(members: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in members}) < len(members):
        raise _KeyTwice


def _twins(value: Any, place: str = "") -> Iterator[str]:
    """Yield the dotted place of every key that its object has twice."""
    if isinstance(value, _Members):
        seen = set()
        for key, member in value:
            where = f"{place}.{key}" if place else key
            if key in seen:
                yield where
            seen.add(key)
            yield from _twins(member, where)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _twins(item, f"{place}[{index}]")


_TOO_DEEP: Final = "The body nests arrays and objects deeper than {} levels (limits.max_json_depth)"


def _explain(raw: bytes, error: orjson.JSONDecodeError, max_depth: int) -> str:
    if "depth" in error.msg:
        return _TOO_DEEP.format(max_depth)
    if not _is_utf8(raw):
        return "The body is not UTF-8"
    if re.match(rb"NaN|-?Infinity", raw[error.pos :]):
        return f"NaN and Infinity are not JSON: line {error.lineno} column {error.colno}"
    return f"The body is not valid JSON: {error.msg}: line {error.lineno} column {error.colno}"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for item in level for inner in _containers(item)]
        if not level:
            return False
    return True


def _containers(value: Any) -> Iterable[Any]:
    inside: Iterable[Any] = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    return (item for item in inside if isinstance(item, dict | list))


def _fitting_integer(text: str) -> int:
    if len(text) > len(str(_SMALLEST)) or not _SMALLEST <= int(text) <= _LARGEST:
        raise InvalidRequest(
            f"The integer {text[:30]} does not fit 64 bits and would lose digits; send it as text"
        )
    return int(text)


def _discard(request: Request) -> None:
    left = _DISCARDED_BYTES
    while left > 0 and (chunk := request.stream.read(_CHUNK_BYTES)):
        left -= len(chunk)
