"""Pages of a list: limit and offset, or a cursor that stays exact while rows are added.

A cursor is the place of the last row in the list's total order, (time, id).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, func, select, tuple_

from ratchet_core.domain.query import Order, Window
from ratchet_core.errors import InvalidRequest
from ratchet_core.store.database import Tx

_NOT_OURS: Final = "cursor: not a cursor of this list; use `next_cursor` of an earlier answer"
_LEAST_TOO_LARGE: Final = 2**63  # for a column of any database


def encode_cursor(place: list[Any]) -> str:
    """Turn a place in a list into opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def decode_time_cursor(cursor: str) -> tuple[int, str]:
    """Turn a cursor of a list that is ordered by a time back into its place.

    Raises:
        InvalidRequest: it is not one of such a list.
    """
    at, row_id = decode_cursor(cursor)
    if type(at) is not int or abs(at) >= _LEAST_TOO_LARGE:
        raise InvalidRequest(_NOT_OURS)
    return at, row_id


def decode_cursor(cursor: str) -> list[Any]:
    """Turn a cursor back into its place.

    Raises:
        InvalidRequest: it is not one that `encode_cursor` made.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        place = None
    valid = (
        isinstance(place, list)
        and len(place) == 2  # noqa: PLR2004 - (sort key, id)
        and isinstance(place[0], int | str)
        and isinstance(place[1], str)
    )
    if not valid:
        raise InvalidRequest(_NOT_OURS)
    return list(place)


@dataclass(frozen=True, slots=True)
class Listed:
    """The statements of one list; building them costs as much as asking them."""

    count: Select[Any]
    ordered: Select[Any]
    keys: tuple[ColumnElement[Any], ColumnElement[Any]]  #: sort column and id, the total order
    order: Order


def listed(
    statement: Select[Any], keys: tuple[ColumnElement[Any], ColumnElement[Any]], order: Order
) -> Listed:
    """Return the statements of a list; see `fetch`."""
    return Listed(
        count=select(func.count()).select_from(statement.subquery()),
        ordered=statement.order_by(*(key.desc() if order == "desc" else key for key in keys)),
        keys=keys,
        order=order,
    )


def fetch(
    tx: Tx,
    statement: Select[Any],
    keys: tuple[ColumnElement[Any], ColumnElement[Any]],
    window: Window,
    sort: str,
) -> tuple[list[Any], int, str | None]:
    """Fetch one part of a list.

    Args:
        tx: any transaction.
        statement: with its filters, without order.
        keys: sort column and id: the list's total order.
        window: the part wanted.
        sort: name of the sort column in a row.

    Returns:
        Rows, number of all matches, cursor of the next part or None.

    Raises:
        InvalidRequest: the cursor is not one of this list.
    """
    return fetch_listed(tx, listed(statement, keys, window.order), window, sort)


def fetch_listed(
    tx: Tx, parts: Listed, window: Window, sort: str
) -> tuple[list[Any], int, str | None]:
    """Fetch one part of a list whose statements are made; see `fetch`."""
    total = tx.execute(parts.count).scalar_one()
    ordered = parts.ordered
    if window.cursor is not None:
        place = decode_cursor(window.cursor)
        here = tuple_(*parts.keys)
        beyond = here < tuple(place) if parts.order == "desc" else here > tuple(place)
        ordered = ordered.where(beyond)
    elif window.offset:
        ordered = ordered.offset(window.offset)
    rows = list(tx.execute(ordered.limit(window.limit + 1)))
    more = len(rows) > window.limit
    rows = rows[: window.limit]
    cursor = encode_cursor([getattr(rows[-1], sort), rows[-1].id]) if more and rows else None
    seen = len(rows) + (0 if window.cursor is not None else window.offset if rows else 0)
    return rows, max(int(total), seen), cursor  # rows may have been added after the count
