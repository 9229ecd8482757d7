"""Reading deliveries and their attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, select

from ratchet_core.domain.delivery import (
    DeliveryAttemptView,
    DeliveryError,
    DeliveryQuery,
    DeliveryState,
    DeliveryView,
)
from ratchet_core.domain.query import Window
from ratchet_core.domain.views import Page
from ratchet_core.errors import DeliveryNotFound
from ratchet_core.store.clock import known_datetime, to_datetime, to_us
from ratchet_core.store.database import AnyRow, Database
from ratchet_core.store.deliveries import disabled
from ratchet_core.store.reads.page import fetch
from ratchet_core.store.schema import deliveries, delivery_attempts

_KEYS: Final = (deliveries.c.created_at, deliveries.c.id)


class DeliveryReads:
    """Answers questions about deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(self, delivery_id: str) -> DeliveryView:
        """Return one delivery.

        Raises:
            DeliveryNotFound: no such delivery.
        """
        with self._database.read() as tx:
            row = tx.execute(select(deliveries).where(deliveries.c.id == delivery_id)).first()
        if row is None:
            raise DeliveryNotFound(delivery_id)
        return _view(row)

    def page(self, query: DeliveryQuery, window: Window) -> Page[DeliveryView]:
        """Return a part of the list of deliveries."""
        statement = select(deliveries).where(*_filters(query))
        with self._database.read() as tx:
            rows, total, cursor = fetch(tx, statement, _KEYS, window, "created_at")
        return Page(items=tuple(map(_view, rows)), total=total, next_cursor=cursor)

    def attempts(self, delivery_id: str) -> tuple[DeliveryAttemptView, ...]:
        """Return the attempts of a delivery that have ended, first to last."""
        statement = select(delivery_attempts).where(delivery_attempts.c.delivery_id == delivery_id)
        with self._database.read() as tx:
            rows = tx.execute(statement.order_by(delivery_attempts.c.number)).all()
        return tuple(map(_attempt, rows))

    def attempts_of(self, delivery_ids: Sequence[str]) -> dict[str, list[DeliveryAttemptView]]:
        """Return the ended attempts of several deliveries, first to last, by the delivery's id."""
        chosen = delivery_attempts.c.delivery_id.in_(list(delivery_ids))
        statement = select(delivery_attempts).where(chosen).order_by(delivery_attempts.c.number)
        found: dict[str, list[DeliveryAttemptView]] = {key: [] for key in delivery_ids}
        with self._database.read() as tx:
            for row in tx.execute(statement):
                found[row.delivery_id].append(_attempt(row))
        return found

    def disabled(self) -> Mapping[str, str]:
        """Return the destinations that are switched off, with the reason."""
        with self._database.read() as tx:
            return disabled(tx)


def _filters(query: DeliveryQuery) -> list[ColumnElement[bool]]:
    column = deliveries.c
    found: list[tuple[Any, ColumnElement[bool]]] = [
        (query.run_id, column.run_id == query.run_id),
        (query.destination, column.destination == query.destination),
        (query.namespace, column.namespace == query.namespace),
        (query.name, column.name == query.name),
    ]
    filters = [condition for value, condition in found if value is not None]
    if query.states is not None:
        filters.append(column.state.in_([state.value for state in query.states]))
    if query.namespaces is not None:
        filters.append(column.namespace.in_(query.namespaces))
    if query.created_from is not None:
        filters.append(column.created_at >= to_us(query.created_from))
    if query.created_to is not None:
        filters.append(column.created_at <= to_us(query.created_to))
    return filters


def _error(text: str | None) -> DeliveryError | None:
    return None if text is None else DeliveryError(**orjson.loads(text))


def _view(row: AnyRow) -> DeliveryView:
    state = DeliveryState(row.state)
    return DeliveryView(
        id=row.id,
        run_id=row.run_id,
        namespace=row.namespace,
        workflow=row.name,
        version=row.version,
        destination=row.destination,
        kind=row.kind,
        origin=row.origin,
        run_state=row.run_state,
        state=state,
        attempts=row.attempts,
        error=_error(row.error),
        next_at=to_datetime(row.ready_at) if state is DeliveryState.PENDING else None,
        created_at=known_datetime(row.created_at),
        updated_at=known_datetime(row.updated_at),
        completed_at=to_datetime(row.completed_at),
    )


def _attempt(row: AnyRow) -> DeliveryAttemptView:
    return DeliveryAttemptView(
        number=row.number,
        state=DeliveryState(row.state),
        error=_error(row.error),
        details=orjson.loads(row.details) if row.details else {},
        started_at=known_datetime(row.started_at),
        completed_at=known_datetime(row.completed_at),
    )
