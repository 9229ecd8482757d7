"""The newest attempts of many workflows or runs at once, in a fixed number of statements."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    case,
    func,
    select,
    tuple_,
    union_all,
)

from ratchet_core.domain.states import AttemptState
from ratchet_core.domain.views import AttemptView
from ratchet_core.store import counts
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.reads.rows import attempt_view
from ratchet_core.store.schema import attempts, drains, steps

#: Attempts with the result that they gave their step and the worker that ran them.
ATTEMPTS: Final = select(
    attempts,
    case((steps.c.attempt_id == attempts.c.id, steps.c.result)).label("result"),
    drains.c.worker.label("worker"),
).select_from(
    attempts.join(steps, steps.c.id == attempts.c.step_id).outerjoin(
        drains, drains.c.id == attempts.c.drain_id
    )
)

#: What attempts are grouped by: values of these columns.
Owner = tuple[str, ...]
BY_WORKFLOW: Final = (attempts.c.namespace, attempts.c.name)
BY_RUN: Final = (attempts.c.run_id,)

#: The order of lists, backwards.
_MOMENT: Final = operator.attrgetter("started_at", "id")
#: Branches of one statement; SQLite takes 500.
_BRANCHES: Final = 250


def newest(
    tx: Tx,
    columns: Sequence[ColumnElement[Any]],
    owners: Sequence[Owner],
    states: Sequence[AttemptState] | None,
    limit: int,
    offset: int,
) -> Mapping[Owner, tuple[AttemptView, ...]]:
    """Return a part of each owner's attempts, newest first.

    Every owner's part is read from the index in its order, however long its history is.
    """
    found: dict[Owner, list[AttemptView]] = {owner: [] for owner in owners}
    owner_of = _owners(columns)
    wanted = None if states is None else tuple(states)
    for start in range(0, len(owners), _BRANCHES):
        part = owners[start : start + _BRANCHES]
        values: dict[str, object] = {"part_limit": limit, "part_offset": offset}
        for number, owner in enumerate(part):
            values |= {_name(number, place): value for place, value in enumerate(owner)}
        rows = tx.execute(_newest(tuple(columns), len(part), wanted), values).all()
        for row in sorted(rows, key=_MOMENT, reverse=True):
            found[owner_of(row)].append(attempt_view(row))
    return {owner: tuple(views) for owner, views in found.items()}


def _owners(columns: Sequence[ColumnElement[Any]]) -> Callable[[AnyRow], Owner]:
    """Return what tells whose a row is."""
    names = [column.key or "" for column in columns]
    get: Callable[[AnyRow], Any] = operator.attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)


@functools.lru_cache(maxsize=256)
def _newest(
    columns: tuple[ColumnElement[Any], ...], owners: int, states: tuple[AttemptState, ...] | None
) -> Select[AnyRow]:
    """Return the statement that finds the parts of so many owners; making it takes longer."""
    parts = union_all(
        *(
            select(
                select(attempts.c.id)
                .where(
                    *(
                        column == bindparam(_name(number, place))
                        for place, column in enumerate(columns)
                    ),
                    *_in_states(states),
                )
                .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
                .limit(bindparam("part_limit", type_=Integer))
                .offset(bindparam("part_offset", type_=Integer))
                .subquery()
            )
            for number in range(owners)
        )
    )
    return ATTEMPTS.where(attempts.c.id.in_(parts))


def _name(number: int, place: int) -> str:
    return f"owner_{number}_{place}"


def totals(
    tx: Tx,
    columns: Sequence[ColumnElement[Any]],
    owners: Sequence[Owner],
    states: Sequence[AttemptState] | None,
) -> Mapping[Owner, int]:
    """Return how many attempts each owner has: workflows by the counters, runs by their index."""
    if columns is BY_WORKFLOW:
        return _kept_totals(tx, owners, states)
    statement = (
        select(*columns, func.count().label("total"))
        .where(tuple_(*columns).in_(list(owners)), *_in_states(states))
        .group_by(*columns)
    )
    found = dict.fromkeys(owners, 0)
    for row in tx.execute(statement):
        found[tuple(row[: len(columns)])] = int(row.total)
    return found


def _kept_totals(
    tx: Tx, owners: Sequence[Owner], states: Sequence[AttemptState] | None
) -> Mapping[Owner, int]:
    choice: list[tuple[str, Sequence[str]]] = [
        ("namespace", sorted({namespace for namespace, _ in owners})),
        ("name", sorted({name for _, name in owners})),
    ]
    if states is not None:
        choice.append(("state", [state.value for state in states]))
    kept = counts.by(tx, counts.ATTEMPTS, ["namespace", "name"], choice)
    return {owner: kept.get(owner, 0) for owner in owners}


def _in_states(states: Sequence[AttemptState] | None) -> list[ColumnElement[bool]]:
    return [] if states is None else [attempts.c.state.in_([state.value for state in states])]
