"""Reading lines of attempts' logs: pages of a search, and what followers have not seen yet.

Run, attempt, workflow and grave levels have indexes in the order of the lists. A text is looked
for in the lines themselves: one answer looks at a bounded number of lines, and its cursor goes on
from there, so that no search keeps the database busy for long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    collate,
    func,
    literal_column,
    select,
    union_all,
)

from ratchet_core.domain.log import LEVEL_NAMES, LogPage, LogQuery, LogView
from ratchet_core.domain.query import Order
from ratchet_core.errors import InvalidRequest
from ratchet_core.store.clock import known_datetime, to_us
from ratchet_core.store.database import AnyRow, Database, Tx
from ratchet_core.store.reads.page import decode_cursor, encode_cursor
from ratchet_core.store.reads.place import BRANCHES, first_at
from ratchet_core.store.schema import log_lines

#: Lines that one answer looks at, at most.
SCAN: Final = 50_000
#: Lines reach the database within a second of being written, or later while it is away.
_LATE: Final = timedelta(minutes=10)
#: From this level on lines have an index of their own.
_GRAVE: Final = 30
_KIND: Final = "log"
#: Stands for one run where the filters besides it are asked for.
_ANY_RUN: Final = "any"
_EQUAL: Final = ("attempt_id", "run_id", "namespace", "name")

Filters = list[ColumnElement[bool]]


class LogReads:
    """Answers questions about lines; never changes anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        query: LogQuery,
        limit: int,
        *,
        order: Order = "asc",
        cursor: str | None = None,
        scan: int = SCAN,
    ) -> LogPage:
        """Return a part of the lines that a query finds.

        Args:
            query: the filters.
            limit: at most this many lines.
            order: oldest first (`asc`) or newest first, in order of storing.
            cursor: `next_cursor` of the part before.
            scan: how many lines to look at, at most; then the part ends, maybe without a line.

        Raises:
            InvalidRequest: the cursor is not one of lines.
        """
        after = None if cursor is None else _place(cursor)
        with self._database.read() as tx:
            within = [*_indexed(query), *_bounds(tx, query), *_beyond(after, order)]
            others = _others(query, self._database.dialect)
            edge = _edge(tx, within, order, scan) if others else None
            statement = select(log_lines).where(*within, *_upto_any(edge, order), *others)
            rows = tx.execute(_ordered(statement, order).limit(limit + 1)).all()
        return _page(rows, limit, edge)

    def pages_of_runs(
        self,
        query: LogQuery,
        run_ids: Sequence[str],
        limit: int,
        *,
        order: Order = "asc",
        cursor: str | None = None,
        scan: int = SCAN,
    ) -> Mapping[str, LogPage]:
        """Return what `page` returns for each run, in one statement or few for all of them.

        Args:
            query: the filters besides the run.
            run_ids: the runs.
            limit: of each.
            order: as of `page`.
            cursor: as of `page`, the same for each.
            scan: as of `page`, for each.

        Raises:
            InvalidRequest: the cursor is not one of lines.
        """
        after = None if cursor is None else _place(cursor)
        ids = list(dict.fromkeys(run_ids))
        found: dict[str, list[AnyRow]] = {run_id: [] for run_id in ids}
        edges: dict[str, int] = {}
        with self._database.read() as tx:
            within = [*_bounds(tx, query), *_beyond(after, order)]
            others = _others(replace(query, run_id=_ANY_RUN), self._database.dialect)
            for first in range(0, len(ids), BRANCHES):
                part = ids[first : first + BRANCHES]
                if others:
                    edges |= _edges(tx, part, within, order, scan)
                branches = [
                    _branch(select(log_lines), run_id, within, order)
                    .where(*others, *_upto_any(edges.get(run_id), order))
                    .limit(limit + 1)
                    for run_id in part
                ]
                for row in tx.execute(_together(branches)):
                    found[row.run_id].append(row)
        return {
            run_id: _page(_sorted(rows, order), limit, edges.get(run_id))
            for run_id, rows in found.items()
        }

    def after(self, query: LogQuery, sequence: int, limit: int) -> tuple[LogView, ...]:
        """Return lines after a sequence number, oldest first: a follower's next ones."""
        statement = select(log_lines).where(
            *_indexed(query),
            *_others(query, self._database.dialect),
            log_lines.c.sequence > sequence,
        )
        with self._database.read() as tx:
            rows = tx.execute(statement.order_by(log_lines.c.sequence).limit(limit)).all()
        return tuple(log_view(row) for row in rows)

    def end(self) -> int:
        """Return the highest sequence number; 0 where there are no lines."""
        with self._database.read() as tx:
            return _end(tx)

    def of_attempts(
        self, attempt_ids: Sequence[str], limit: int
    ) -> Mapping[str, tuple[LogView, ...]]:
        """Return the first lines of several attempts, oldest first, in one statement or few.

        Args:
            attempt_ids: of the attempts.
            limit: of each.
        """
        found: dict[str, list[LogView]] = {attempt_id: [] for attempt_id in attempt_ids}
        ids = list(found)
        with self._database.read() as tx:
            for start in range(0, len(ids), BRANCHES):
                branches = [
                    select(log_lines)
                    .where(log_lines.c.attempt_id == attempt_id)
                    .order_by(log_lines.c.sequence)
                    .limit(limit)
                    for attempt_id in ids[start : start + BRANCHES]
                ]
                for row in tx.execute(_together(branches)):
                    found[row.attempt_id].append(log_view(row))
        ordered = {
            key: sorted(lines, key=lambda line: line.sequence) for key, lines in found.items()
        }
        return {key: tuple(lines) for key, lines in ordered.items()}


def log_view(row: AnyRow) -> LogView:
    """Turn a row of `log_lines` into its view."""
    return LogView(
        sequence=row.sequence,
        run_id=row.run_id,
        attempt_id=row.attempt_id,
        namespace=row.namespace,
        workflow=row.name,
        step=row.step,
        attempt=row.attempt,
        level=LEVEL_NAMES[row.level],
        at=known_datetime(row.at),
        logger=row.logger,
        message=row.message,
    )


def _served(query: LogQuery) -> tuple[str, ...]:
    """Return the columns whose values one index finds in the order of the list."""
    if query.attempt_id is not None:
        return ("attempt_id",)
    if query.run_id is not None:
        return ("run_id",)
    return () if query.namespace is None or query.name is None else ("namespace", "name")


def _indexed(query: LogQuery) -> Filters:
    """Return the filters that one index serves in the order of the list."""
    served = _served(query)
    if not served and query.level is not None and query.level >= _GRAVE:
        return [log_lines.c.level >= literal_column(str(_GRAVE))]  # as the index says it
    return [log_lines.c[name] == getattr(query, name) for name in served]


def _others(query: LogQuery, dialect: str) -> Filters:
    """Return the filters for which lines are looked at one by one."""
    named = [name for name in _EQUAL if getattr(query, name) is not None]
    filters: Filters = [
        log_lines.c[name] == getattr(query, name) for name in named if name not in _served(query)
    ]
    if query.namespaces is not None:
        filters.append(log_lines.c.namespace.in_(query.namespaces))
    if query.level is not None:
        filters.append(log_lines.c.level >= query.level)
    if query.text:
        filters.append(_contains(query.text, dialect))
    if query.since is not None:
        filters.append(log_lines.c.at >= to_us(query.since))
    if query.until is not None:
        filters.append(log_lines.c.at <= to_us(query.until))
    return filters


def _contains(text: str, dialect: str) -> ColumnElement[bool]:
    """Compare without regard to the case of ASCII letters, the same on both databases."""
    folded = "".join(char.lower() if char.isascii() else char for char in text)
    if dialect == "sqlite":
        return func.instr(func.lower(log_lines.c.message), folded) > 0
    return func.strpos(func.lower(collate(log_lines.c.message, "C")), folded) > 0


def _ordered(statement: Select[Any], order: Order) -> Select[Any]:
    key = log_lines.c.sequence
    return statement.order_by(key.desc() if order == "desc" else key.asc())


def _beyond(after: int | None, order: Order) -> Filters:
    if after is None:
        return []
    return [log_lines.c.sequence < after if order == "desc" else log_lines.c.sequence > after]


def _upto(edge: int, order: Order) -> ColumnElement[bool]:
    return log_lines.c.sequence >= edge if order == "desc" else log_lines.c.sequence <= edge


def _upto_any(edge: int | None, order: Order) -> Filters:
    return [] if edge is None else [_upto(edge, order)]


def _edge(tx: Tx, within: Filters, order: Order, scan: int) -> int | None:
    """Return the last place that one answer looks at; None where it sees everything."""
    statement = _ordered(select(log_lines.c.sequence).where(*within), order)
    places = tx.execute(statement.offset(scan - 1).limit(2)).scalars().all()
    return int(places[0]) if len(places) > 1 else None


def _edges(
    tx: Tx, run_ids: Sequence[str], within: Filters, order: Order, scan: int
) -> dict[str, int]:
    """Return `_edge` of those runs that have one."""
    chosen = select(log_lines.c.run_id, log_lines.c.sequence)
    branches = [
        _branch(chosen, run_id, within, order).offset(scan - 1).limit(2) for run_id in run_ids
    ]
    places: dict[str, list[AnyRow]] = {}
    for row in tx.execute(_together(branches)):
        places.setdefault(row.run_id, []).append(row)
    return {
        run_id: int(_sorted(rows, order)[0].sequence)
        for run_id, rows in places.items()
        if len(rows) > 1
    }


def _branch(chosen: Select[Any], run_id: str, within: Filters, order: Order) -> Select[Any]:
    return _ordered(chosen.where(log_lines.c.run_id == run_id, *within), order)


def _together(branches: Sequence[Select[Any]]) -> CompoundSelect[Any]:
    return union_all(*(select(branch.subquery()) for branch in branches))


def _sorted(rows: Sequence[AnyRow], order: Order) -> Sequence[AnyRow]:
    return sorted(rows, key=lambda row: row.sequence, reverse=order == "desc")


def _page(rows: Sequence[AnyRow], limit: int, edge: int | None) -> LogPage:
    items = tuple(log_view(row) for row in rows[:limit])
    if len(rows) > limit:
        return LogPage(items, encode_cursor([items[-1].sequence, _KIND]))
    return LogPage(items, None if edge is None else encode_cursor([edge, _KIND]))


def _bounds(tx: Tx, query: LogQuery) -> Filters:
    """Return between which places the lines of a span of time are."""
    bounds: Filters = []
    if query.since is not None:
        bounds.append(log_lines.c.sequence >= first_at(tx, log_lines, to_us(query.since - _LATE)))
    if query.until is not None:
        bounds.append(log_lines.c.sequence <= first_at(tx, log_lines, to_us(query.until + _LATE)))
    return bounds


def _end(tx: Tx) -> int:
    return int(tx.execute(select(func.coalesce(func.max(log_lines.c.sequence), 0))).scalar_one())


def _place(cursor: str) -> int:
    place, kind = decode_cursor(cursor)
    if kind != _KIND or not isinstance(place, int):
        message = "cursor: not a cursor of this list; use `next_cursor` of an earlier answer"
        raise InvalidRequest(message)
    return place
