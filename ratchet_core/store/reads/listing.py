"""Lists whose totals are kept: the page is merged from the groups that the filters let through.

The counters know every group that has rows, so a choice of any columns is a list of groups. One
index holds each group in the list's order; their beginnings are merged, and no row is read that
is not shown or skipped. What lets everything through is read from the index of the order alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.domain.query import Window
from ratchet_core.store.counts import Choice, Counted, Group, everything, groups
from ratchet_core.store.database import Tx
from ratchet_core.store.reads.page import decode_time_cursor, encode_cursor

#: Groups that one statement merges; SQLite takes 500. Where more match, rows are read in the
#: list's order and looked at: so many groups are no small part of all.
MOST_GROUPS: Final = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Bounds of the time by which a list is ordered, in microseconds; both are inside."""

    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a list."""

    ids: list[str]
    total: int  #: of all that match
    cursor: str | None  #: of the next part


@dataclass(frozen=True, slots=True)
class _Condition:
    text: str  #: with one `?` per value
    values: tuple[Any, ...] = ()

    def __and__(self, other: _Condition) -> _Condition:
        return _Condition(f"{self.text} AND {other.text}", (*self.values, *other.values))


_ALL: Final = _Condition("1 = 1")


def part(tx: Tx, counted: Counted, choice: Choice, span: Span, window: Window) -> Part:
    """Read one part of a list.

    Args:
        tx: a snapshot: total and rows are of one state.
        counted: what is listed.
        choice: columns of its keys, and the values of which each must have one.
        span: of its time.
        window: the part wanted.

    Raises:
        InvalidRequest: the cursor is not one of this list.
    """
    place = None if window.cursor is None else decode_time_cursor(window.cursor)
    arms, number = _chosen(tx, counted, choice, span)
    if not number:
        return Part([], 0, None)
    within = _ALL
    if place is not None:
        sign = "<" if window.order == "desc" else ">"
        within = _Condition(f"({counted.order}, id) {sign} (?, ?)", place)
    offset = 0 if place is not None else window.offset
    wanted = (window.limit + 1, offset)
    rows = _merged(tx, counted, [arm & within for arm in arms], window.order, wanted)
    more = len(rows) > window.limit
    rows = rows[: window.limit]
    cursor = encode_cursor(list(rows[-1])) if more else None
    return Part([row[1] for row in rows], number, cursor)


def total(tx: Tx, counted: Counted, choice: Choice, span: Span) -> int:
    """Return how many rows match."""
    return _chosen(tx, counted, choice, span)[1]


def _chosen(tx: Tx, counted: Counted, choice: Choice, span: Span) -> tuple[list[_Condition], int]:
    """Return what the rows that match meet, as `_arms` does, and how many there are."""
    found = groups(tx, counted, choice)
    number = sum(group.number for group in found)
    arms = _arms(counted, found, choice, is_all=not choice or number == everything(tx, counted))
    within = _spanned(counted, span)
    if within is _ALL or not number:
        return arms, number
    arms = [arm & within for arm in arms]
    return arms, _count(tx, counted, arms)


def _arms(
    counted: Counted, found: Sequence[Group], choice: Choice, *, is_all: bool
) -> list[_Condition]:
    """Return conditions that no row meets twice, each served by one index in the list's order."""
    if is_all:
        return [_ALL]
    if len(found) <= MOST_GROUPS:
        same = " AND ".join(f"{key} = ?" for key in counted.keys)
        return [_Condition(same, group.key) for group in found]
    walked = _ALL
    for name, values in choice:
        # an expression is served by no index: the order's index is read, whatever a planner thinks
        plain = f"{name} + 0" if isinstance(values[0], int) else f"{name} || ''"
        walked &= _Condition(f"{plain} IN ({', '.join('?' * len(values))})", tuple(values))
    return [walked]


def _spanned(counted: Counted, span: Span) -> _Condition:
    within = _ALL
    for sign, bound in ((">=", span.first), ("<=", span.last)):
        if bound is not None:
            within &= _Condition(f"{counted.order} {sign} ?", (bound,))
    return within


def _count(tx: Tx, counted: Counted, arms: Sequence[_Condition]) -> int:
    counts = (f"SELECT count(*) AS n FROM {counted.table.name} WHERE {arm.text}" for arm in arms)  # noqa: S608 - names of ours
    text = f"SELECT sum(n) FROM ({' UNION ALL '.join(counts)}) AS counted"  # noqa: S608
    return int(_ask(tx, text, [value for arm in arms for value in arm.values])[0][0])


def _merged(
    tx: Tx, counted: Counted, arms: Sequence[_Condition], order: str, wanted: tuple[int, int]
) -> list[tuple[int, str]]:
    """Return time and id of the rows wanted.

    PostgreSQL merges what is ordered already, and has to be told so in each arm; SQLite reads
    each arm in the order of the whole.
    """
    ordered = f"ORDER BY {counted.order} {order}, id {order}"
    is_sqlite = tx.dialect.name == "sqlite"
    values: list[Any] = []
    texts = []
    for arm in arms:
        text = f"SELECT {counted.order}, id FROM {counted.table.name} WHERE {arm.text}"  # noqa: S608
        values += arm.values
        if not is_sqlite and len(arms) > 1:
            text = f"({text} {ordered} LIMIT ?)"
            values.append(sum(wanted))
        texts.append(text)
    text = f"{' UNION ALL '.join(texts)} {ordered} LIMIT ? OFFSET ?"
    return [(row[0], row[1]) for row in _ask(tx, text, [*values, *wanted])]


def _ask(tx: Tx, text: str, values: Sequence[Any]) -> Sequence[Any]:
    if tx.dialect.name != "sqlite":
        text = text.replace("?", "%s")
    return tx.exec_driver_sql(text, tuple(values)).all()
