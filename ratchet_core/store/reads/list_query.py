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
from ratchet_core.store.counts import ATTEMPTS, RUNS, Choice, conditions
from ratchet_core.store.database import Tx
from ratchet_core.store.reads.listing import Part, Span, part
from ratchet_core.store.reads.page import fetch
from ratchet_core.store.schema import attempts, runs

Filters = list[ColumnElement[bool]]


def runs_part(tx: Tx, query: RunQuery, window: Window) -> Part:
    """Read one part of the list of runs; see `listing.part`."""
    choice = _choice(
        (
            ("namespace", _one(query.namespace)),
            ("namespace", query.namespaces),
            ("name", _one(query.name)),
            ("version", _one(query.version)),
            ("priority", query.priority_in),
            ("state", None if query.states is None else [one.value for one in query.states]),
        )
    )
    if _is_empty(choice):
        return Part([], 0, None)
    others = _other_filters(query)
    span = _span(query.created_from, query.created_to)
    if not others:
        return part(tx, RUNS, choice, span, window)
    filters = [*others, *conditions(runs, choice), *_within(runs.c.created_at, span)]
    statement = select(runs.c.id, runs.c.created_at).where(*filters)
    keys = (runs.c.created_at, runs.c.id)
    rows, total, cursor = fetch(tx, statement, keys, window, "created_at")
    return Part([row.id for row in rows], total, cursor)


def attempts_part(tx: Tx, query: AttemptQuery, window: Window) -> Part:
    """Read one part of the list of attempts; see `listing.part`."""
    choice = _choice(
        (
            ("namespace", _one(query.namespace)),
            ("namespace", query.namespaces),
            ("name", _one(query.name)),
            ("version", _one(query.version)),
            ("state", None if query.states is None else [one.value for one in query.states]),
        )
    )
    if _is_empty(choice):
        return Part([], 0, None)
    span = _span(query.created_from, query.created_to)
    if query.run_id is None:
        return part(tx, ATTEMPTS, choice, span, window)
    of_run = attempts.c.run_id == query.run_id
    filters = [of_run, *conditions(attempts, choice), *_within(attempts.c.started_at, span)]
    statement = select(attempts.c.id, attempts.c.started_at).where(*filters)
    keys = (attempts.c.started_at, attempts.c.id)
    rows, total, cursor = fetch(tx, statement, keys, window, "started_at")
    return Part([row.id for row in rows], total, cursor)


def _choice(given: Sequence[tuple[str, Sequence[Any] | None]]) -> Choice:
    return [(name, values) for name, values in given if values is not None]


def _one(value: str | None) -> Sequence[str] | None:
    return None if value is None else (value,)


def _is_empty(choice: Choice) -> bool:
    return any(not values for _, values in choice)


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
