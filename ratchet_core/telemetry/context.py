"""The fields that every log line of the current thread or task carries: ids of what is at hand.

They live in context variables, so that they follow `async` code and do not leak into other
threads. Nothing is logged here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Final

Fields = Mapping[str, object]
#: Makes fields; asked when a line is written, and not before.
LateFields = Callable[[], Fields]

_EMPTY: Final[Fields] = MappingProxyType({})
_FIELDS: Final[ContextVar[Fields | LateFields]] = ContextVar("ratchet_log_fields", default=_EMPTY)


@contextmanager
def bind(**fields: object) -> Iterator[None]:
    """Put fields on every log line that is written inside the `with` block.

    Args:
        fields: such as `run_id`, `step`, `attempt`, `request_id`, `trace_id`; inner blocks win,
            None takes a field away.
    """
    merged = {**bound(), **fields}
    kept = {name: value for name, value in merged.items() if value is not None}
    token = _FIELDS.set(MappingProxyType(kept))
    try:
        yield
    finally:
        _FIELDS.reset(token)


class bind_late:  # noqa: N801 - used as `bind` is
    """Like `bind`, for the hot path: fields are made when a line is written, if one ever is.

    Args:
        make: returns the fields; must be quick, and safe to call from other threads.
    """

    __slots__ = ("_make", "_token")

    def __init__(self, make: LateFields) -> None:
        self._make = make
        self._token: Token[Fields | LateFields] | None = None

    def __enter__(self) -> None:
        self._token = _FIELDS.set(self._make)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _FIELDS.reset(self._token)


def begin(**fields: object) -> None:
    """Put these fields, and no others, on every line of this thread until `end`.

    For work that begins in one call and ends in another, such as a request; anything that was
    bound before is forgotten.
    """
    _FIELDS.set(MappingProxyType(fields))


def end() -> None:
    """Take away whatever is bound here."""
    _FIELDS.set(_EMPTY)


def bound() -> Fields:
    """Return the fields that are bound here."""
    fields = _FIELDS.get()
    return fields() if callable(fields) else fields
