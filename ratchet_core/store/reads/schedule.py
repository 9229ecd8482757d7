"""Reading schedules, each with the reason why it would fire nothing; deleted ones are absent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, select

from ratchet_core.domain.query import ScheduleQuery, Window
from ratchet_core.domain.views import Page, ScheduleView
from ratchet_core.errors import ScheduleNotFound
from ratchet_core.store.clock import known_datetime, to_datetime
from ratchet_core.store.database import AnyRow, Database, Tx
from ratchet_core.store.reads.page import fetch
from ratchet_core.store.schedules import now, spec_of, times_of
from ratchet_core.store.schema import schedules, snapshots, workflows

_HAS_VERSION = exists().where(
    snapshots.c.workflow_id == workflows.c.id,
    snapshots.c.version == schedules.c.version,
    snapshots.c.retired_at.is_(None),
    snapshots.c.deleted_at.is_(None),
)


def _statement() -> Select[Any]:
    same = and_(
        workflows.c.namespace == schedules.c.namespace,
        workflows.c.name == schedules.c.workflow,
    )
    return (
        select(
            schedules,
            workflows.c.latest_id,
            workflows.c.enabled.label("workflow_enabled"),
            _HAS_VERSION.label("has_version"),
        )
        .select_from(schedules.outerjoin(workflows, same))
        .where(schedules.c.deleted_at.is_(None))
    )


def _problem(row: AnyRow) -> str | None:
    """Return why the schedule would fire nothing now; else why it did not the last time."""
    at = f"@{row.version}" if row.version else ""
    named = f"Workflow '{row.namespace}.{row.workflow}{at}'"
    if row.latest_id is None or (row.version is not None and not row.has_version):
        return f"{named} does not exist; the schedule fires nothing until it does"
    if not row.workflow_enabled:
        return f"{named} is disabled; the schedule fires nothing until it is enabled"
    return row.problem  # type: ignore[no-any-return]


def _view(row: AnyRow) -> ScheduleView:
    return ScheduleView(
        id=row.id,
        spec=spec_of(row),
        next_at=to_datetime(row.next_at),
        last_at=to_datetime(row.last_at),
        last_run_id=row.last_run_id,
        runs_made=row.runs_made,
        runs_skipped=row.runs_skipped,
        waiting=times_of(row.waiting),
        problem=_problem(row),
        source=row.source,
        created_at=known_datetime(row.created_at),
        updated_at=known_datetime(row.updated_at),
    )


class ScheduleReads:
    """Answers questions about schedules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(self, schedule_id: str) -> ScheduleView:
        """Return one schedule.

        Raises:
            ScheduleNotFound: there is none, or it was deleted.
        """
        with self._database.read() as tx:
            return _one(tx, schedule_id)

    def one_with_now(self, schedule_id: str) -> tuple[ScheduleView, datetime]:
        """Return one schedule, and the database's time, from which a preview starts.

        Raises:
            ScheduleNotFound: there is none, or it was deleted.
        """
        with self._database.read() as tx:
            return _one(tx, schedule_id), now(tx)

    def now(self) -> datetime:
        """Return the database's time."""
        with self._database.read() as tx:
            return now(tx)

    def page(self, query: ScheduleQuery, window: Window) -> Page[ScheduleView]:
        """Return a part of the list of schedules."""
        with self._database.read() as tx:
            return _page(tx, query, window)


def _one(tx: Tx, schedule_id: str) -> ScheduleView:
    row = tx.execute(_statement().where(schedules.c.id == schedule_id)).first()
    if row is None:
        raise ScheduleNotFound(schedule_id)
    return _view(row)


def _page(tx: Tx, query: ScheduleQuery, window: Window) -> Page[ScheduleView]:
    plain = select(schedules.c.id, schedules.c.created_at, schedules.c.next_at).where(
        schedules.c.deleted_at.is_(None)
    )
    for column, value in (
        (schedules.c.namespace, query.namespace),
        (schedules.c.workflow, query.workflow),
        (schedules.c.version, query.version),
        (schedules.c.name, query.name),
        (schedules.c.enabled, query.enabled),
    ):
        if value is not None:
            plain = plain.where(column == value)
    if query.namespaces is not None:
        plain = plain.where(schedules.c.namespace.in_(query.namespaces))
    if query.sort == "next_at":
        plain = plain.where(schedules.c.next_at.is_not(None))
    key = schedules.c.next_at if query.sort == "next_at" else schedules.c.created_at
    chosen, total, cursor = fetch(tx, plain, (key, schedules.c.id), window, query.sort)
    ids = [row.id for row in chosen]
    views = {row.id: _view(row) for row in tx.execute(_statement().where(schedules.c.id.in_(ids)))}
    items = tuple(views[key] for key in ids if key in views)
    return Page(items=items, total=total, next_cursor=cursor)
