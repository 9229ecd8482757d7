"""What the lists of runs and attempts are asked, as choices for `listing` or as conditions.

Totals of what the counters know are kept; where a filter is of something else (a schedule, a
fire time, ids, one run), rows are chosen by the index of that filter and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from ratchet_core.domain.query import AttemptQuery, RunQuery, Window
from ratchet_core.store.clock import to_us
from ratchet_core.store.counts import ATTEMPTS, RUNS, Choice, Counted, conditions
from ratchet_core.store.database import Tx
from ratchet_core.store.reads.listing import Part, Span, part
from ratchet_core.store.reads.page import fetch
from ratchet_core.store.schema import attempts, runs

Filters = list[ColumnElement[bool]]


def runs_part(tx: Tx, query: RunQuery, window: Window) -> Part:
    """Read one part of the list of runs; see `listing.part`."""
    choice = [*_choice(query), *_given("priority", query.priority_in)]
    return _part(tx, RUNS, choice, query, _other_filters(query), window)


def attempts_part(tx: Tx, query: AttemptQuery, window: Window) -> Part:
    """Read one part of the list of attempts; see `listing.part`."""
    others = [] if query.run_id is None else [attempts.c.run_id == query.run_id]
    return _part(tx, ATTEMPTS, _choice(query), query, others, window)


def _part(
    tx: Tx,
    counted: Counted,
    choice: Choice,
    query: RunQuery | AttemptQuery,
    others: Filters,
    window: Window,
) -> Part:
    """Read one part: by the counters, or by conditions of which no counter knows."""
    if any(not values for _, values in choice):
        return Part([], 0, None)
    span = _span(query.created_from, query.created_to)
    if not others:
        return part(tx, counted, choice, span, window)
    table = counted.table
    at = table.c[counted.order]
    filters = [*others, *conditions(table, choice), *_within(at, span)]
    statement = select(table.c.id, at).where(*filters)
    rows, total, cursor = fetch(tx, statement, (at, table.c.id), window, counted.order)
    return Part([row.id for row in rows], total, cursor)


def _choice(query: RunQuery | AttemptQuery) -> Choice:
    """Return what is asked of the columns that runs and attempts are both counted by."""
    states = None if query.states is None else [one.value for one in query.states]
    return [
        *_given("namespace", _one(query.namespace)),
        *_given("namespace", query.namespaces),
        *_given("name", _one(query.name)),
        *_given("version", _one(query.version)),
        *_given("state", states),
    ]


def _given(name: str, values: Sequence[Any] | None) -> Choice:
    return [] if values is None else [(name, values)]


def _one(value: str | None) -> Sequence[str] | None:
    return None if value is None else (value,)


def _span(first: datetime | None, last: datetime | None) -> Span:
    return Span(None if first is None else to_us(first), None if last is None else to_us(last))


def _within(column: ColumnElement[int], span: Span) -> Filters:
    first = [] if span.first is None else [column >= span.first]
    return first if span.last is None else [*first, column <= span.last]


def _other_filters(query: RunQuery) -> Filters:
    """Return the conditions of which no counter knows."""
    filters: Filters = []
    if query.schedule_id is not None:
        filters.append(runs.c.schedule_id == query.schedule_id)
    if query.ids is not None:
        filters.append(runs.c.id.in_(query.ids))
    if query.scheduled_from is not None:
        filters.append(runs.c.scheduled_for >= to_us(query.scheduled_from))
    if query.scheduled_to is not None:
        filters.append(runs.c.scheduled_for <= to_us(query.scheduled_to))
    return filters
