"""Lists whose totals are kept: the page is merged from the groups that the filters let through.

The counters know every group that has rows, so a choice of any columns is a list of groups. One
index holds each group in the list's order; their beginnings are merged, and no row is read that
is not shown or skipped. What lets everything through is read from the index of the order alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ratchet_core.domain.query import Window
from ratchet_core.store.counts import Choice, Counted, everything, groups
from ratchet_core.store.database import Tx
from ratchet_core.store.reads.page import decode_time_cursor, encode_cursor

#: Groups that one statement merges; SQLite takes 500. Where more match, rows are read in the
#: list's order and looked at: so many groups are no small part of all.
MOST_GROUPS: Final = 200
#: Rows that PostgreSQL sorts at most, where planning a merge takes longer than that.
_MOST_SORTED: Final = 20_000


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
        if self is _ALL or other is _ALL:
            return other if self is _ALL else self
        return _Condition(f"{self.text} AND {other.text}", (*self.values, *other.values))


_ALL: Final = _Condition("1 = 1")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What rows that match are found by."""

    keys: tuple[tuple[Any, ...], ...]  #: groups, each read in the list's order
    walked: _Condition  #: where there are none: what rows meet that are read in the list's order
    within: _Condition  #: that all meet
    number: int  #: of them

    def arms(self, counted: Counted) -> list[_Condition]:
        """Return conditions that no row meets twice."""
        if not self.keys:
            return [self.walked & self.within]
        same = " AND ".join(f"{key} = ?" for key in counted.keys)
        return [_Condition(same, key) & self.within for key in self.keys]


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
    chosen = _chosen(tx, counted, choice, span)
    if not chosen.number:
        return Part([], 0, None)
    number = chosen.number
    if place is not None:
        sign = "<" if window.order == "desc" else ">"
        beyond = _Condition(f"({counted.order}, id) {sign} (?, ?)", place)
        chosen = replace(chosen, within=chosen.within & beyond)
    offset = 0 if place is not None else window.offset
    rows = _rows(tx, counted, chosen, window.order, (window.limit + 1, offset))
    more = len(rows) > window.limit
    rows = rows[: window.limit]
    cursor = encode_cursor(list(rows[-1])) if more else None
    return Part([row[1] for row in rows], number, cursor)


def total(tx: Tx, counted: Counted, choice: Choice, span: Span) -> int:
    """Return how many rows match."""
    return _chosen(tx, counted, choice, span).number


def _chosen(tx: Tx, counted: Counted, choice: Choice, span: Span) -> _Chosen:
    found = groups(tx, counted, choice)
    number = sum(group.number for group in found)
    keys: tuple[tuple[Any, ...], ...] = ()
    walked = _ALL
    if choice and number != everything(tx, counted):
        if len(found) <= MOST_GROUPS:
            keys = tuple(group.key for group in found)
        else:
            walked = _looked_at(choice)
    chosen = _Chosen(keys, walked, _spanned(counted, span), number)
    if number and chosen.within is not _ALL:
        return replace(chosen, number=_count(tx, counted, chosen))
    return chosen


def _looked_at(choice: Choice) -> _Condition:
    """Return a choice as a condition that no index serves but that of the order."""
    walked = _ALL
    for name, values in choice:
        plain = f"{name} + 0" if isinstance(values[0], int) else f"{name} || ''"
        walked &= _Condition(f"{plain} IN ({', '.join('?' * len(values))})", tuple(values))
    return walked


def _spanned(counted: Counted, span: Span) -> _Condition:
    within = _ALL
    for sign, bound in ((">=", span.first), ("<=", span.last)):
        if bound is not None:
            within &= _Condition(f"{counted.order} {sign} ?", (bound,))
    return within


def _count(tx: Tx, counted: Counted, chosen: _Chosen) -> int:
    table = counted.table.name
    if chosen.keys and tx.dialect.name != "sqlite":
        of_each = f"SELECT count(*) AS n FROM {table}"  # noqa: S608 - names of ours
        each = _of_each(counted, chosen, of_each, _Condition(""))
        return int(_ask(tx, f"SELECT sum(n) {each.text}", each.values)[0][0])
    arms = chosen.arms(counted)
    counts = (f"SELECT count(*) AS n FROM {table} WHERE {arm.text}" for arm in arms)  # noqa: S608
    text = f"SELECT sum(n) FROM ({' UNION ALL '.join(counts)}) AS counted"  # noqa: S608
    return int(_ask(tx, text, [value for arm in arms for value in arm.values])[0][0])


def _rows(
    tx: Tx, counted: Counted, chosen: _Chosen, order: str, wanted: tuple[int, int]
) -> list[tuple[int, str]]:
    """Return time and id of the rows wanted."""
    ordered = f"ORDER BY {counted.order} {order}, id {order}"
    columns = f"SELECT {counted.order}, id"
    most = sum(wanted)
    if (
        tx.dialect.name != "sqlite"
        and len(chosen.keys) > 1
        and len(chosen.keys) * most <= _MOST_SORTED
    ):
        own = f"{columns} FROM {counted.table.name}"
        each = _of_each(counted, chosen, own, _Condition(f"{ordered} LIMIT ?", (most,)))
        text, values = f"{columns} {each.text}", each.values
    else:
        text, values = _merged(counted, chosen, columns, (ordered, most), tx.dialect.name)
    text = f"{text} {ordered} LIMIT ? OFFSET ?"
    return [(row[0], row[1]) for row in _ask(tx, text, [*values, *wanted])]


def _merged(
    counted: Counted, chosen: _Chosen, columns: str, own: tuple[str, int], dialect: str
) -> tuple[str, tuple[Any, ...]]:
    """Return a union that needs no sorting, and its values.

    PostgreSQL merges what is ordered already, and has to be told so in each arm; SQLite reads
    each arm in the order of the whole.
    """
    ordered, most = own
    arms = chosen.arms(counted)
    is_told = dialect != "sqlite" and len(arms) > 1
    texts = [
        f"{columns} FROM {counted.table.name}" + ("" if arm is _ALL else f" WHERE {arm.text}")
        for arm in arms
    ]
    if is_told:
        texts = [f"({text} {ordered} LIMIT ?)" for text in texts]
    of_arm = (most,) if is_told else ()
    return " UNION ALL ".join(texts), tuple(v for arm in arms for v in (*arm.values, *of_arm))


def _of_each(counted: Counted, chosen: _Chosen, select: str, end: _Condition) -> _Condition:
    """Return a FROM of what is selected of each group, on PostgreSQL.

    It is planned in no time however many groups there are, but reads as many rows of each.
    """
    table = counted.table
    kinds = ("int[]" if key == "priority" else "text[]" for key in counted.keys)
    arrays = ", ".join(f"?::{kind}" for kind in kinds)
    names = ", ".join(counted.keys)
    same = _Condition(" AND ".join(f"{table.name}.{key} = one.{key}" for key in counted.keys))
    where = same & chosen.within
    values = [list(column) for column in zip(*chosen.keys, strict=True)]
    return _Condition(
        f"FROM unnest({arrays}) AS one({names}) "
        f"CROSS JOIN LATERAL ({select} WHERE {where.text} {end.text}) AS own",
        (*values, *where.values, *end.values),
    )


def _ask(tx: Tx, text: str, values: Sequence[Any]) -> Sequence[Any]:
    if tx.dialect.name != "sqlite":
        text = text.replace("?", "%s")
    return tx.exec_driver_sql(text, tuple(values)).all()
