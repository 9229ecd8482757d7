"""Schedules in the database: the rows, the claim of those that are due, and what they led to.

A row is locked while its fire times are decided upon; with the unique index on
(schedule_id, scheduled_for) of `runs` a fire time makes at most one run, however many schedulers
look. What is due is decided by `domain.schedule`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import delete, insert, select, update

from ratchet_core.domain.schedule import Catchup, Overlap, ScheduleSpec, Standing
from ratchet_core.store.clock import known_datetime, now_us, to_datetime, to_us
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.driver import Bulk, Query, write
from ratchet_core.store.schema import schedules

Row = dict[str, Any]

#: Due ones first come first; another scheduler's are passed over.
_DUE: Final = """
    SELECT id FROM schedules WHERE next_at <= {now} ORDER BY next_at, id LIMIT :count
"""
#: Those whose runs wait, and whose earlier run has ended.
_LIVE: Final = (
    "EXISTS (SELECT 1 FROM runs WHERE runs.schedule_id = schedules.id AND completed_at IS NULL)"
)
_FREED: Final = f"""
    SELECT id FROM schedules WHERE waiting IS NOT NULL AND NOT {_LIVE} ORDER BY id LIMIT :count
"""  # noqa: S608 - constants only
_CLAIM_DUE: Final = {
    "sqlite": Query(_DUE),
    "postgresql": Query(_DUE + " FOR UPDATE SKIP LOCKED"),
}
_CLAIM_FREED: Final = {
    "sqlite": Query(_FREED),
    "postgresql": Query(_FREED + " FOR UPDATE SKIP LOCKED"),
}
_LOCK: Final = Query("SELECT r.id FROM schedules r WHERE r.id = :id {lock}")
_NOW: Final = Query("SELECT {now}")
_LOOK: Final = Query(
    f"""
    SELECT (SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL) - {{now}},
        EXISTS (SELECT 1 FROM schedules WHERE waiting IS NOT NULL AND NOT {_LIVE})
    """  # noqa: S608
)
_LIVE_RUNS: Final = Query(
    "SELECT schedule_id, id FROM runs WHERE schedule_id IN :ids[] AND completed_at IS NULL"
)
_FIRED_SINCE: Final = Query(
    "SELECT schedule_id, scheduled_for FROM runs WHERE schedule_id IN :ids[] "
    "AND scheduled_for >= :since"
)
_MOVE: Final = Bulk(
    """
    UPDATE schedules SET next_at = :next_at, last_at = :last_at, waiting = :waiting,
        last_run_id = coalesce(:last_run_id, last_run_id), problem = :problem,
        runs_made = runs_made + :made, runs_skipped = runs_skipped + :skipped
    WHERE id = :id
    """,
    "id text, next_at bigint, last_at bigint, waiting text, last_run_id text, problem text, "
    "made int, skipped int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchedule:
    """A schedule as the verbs need it."""

    id: str  #: UUIDv7
    spec: ScheduleSpec  #: what is wanted
    standing: Standing  #: how far it has come
    problem: str | None  #: why the latest fire time made no run
    source: str | None  #: the file that declares it
    source_hash: str | None  #: of what the file says
    is_deleted: bool  #: a tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of a schedule whose fire times were decided upon."""

    id: str  #: of the schedule
    next_at: datetime | None  #: the fire time that is due next
    last_at: datetime | None  #: the latest that was decided upon
    waiting: tuple[datetime, ...] = ()  #: fire times whose runs wait
    last_run_id: str | None = None  #: the newest run; None leaves the known one
    problem: str | None = None  #: why no run was made
    made: int = 0  #: runs made now
    skipped: int = 0  #: fire times that make none


@dataclass(frozen=True, slots=True)
class Outlook:
    """When something is to be done."""

    due_in_us: int | None  #: until the earliest fire time, negative when it is past; None: none
    has_freed: bool  #: a waiting run may be made now


def now(tx: Tx) -> datetime:
    """Return the database's time."""
    [(at_us,)] = _NOW.rows(tx, {})
    return known_datetime(at_us)


def look(tx: Tx) -> Outlook:
    """Tell when the next fire time is due, by the database's clock."""
    [(due_in_us, has_freed)] = _LOOK.rows(tx, {})
    return Outlook(due_in_us, bool(has_freed))


def claim_due(tx: Tx, count: int) -> list[StoredSchedule]:
    """Lock up to `count` schedules that have something to do now, and return them."""
    dialect = tx.dialect.name
    ids = [row[0] for row in _CLAIM_DUE[dialect].rows(tx, {"count": count})]
    if len(ids) < count:
        left = count - len(ids)
        freed = [row[0] for row in _CLAIM_FREED[dialect].rows(tx, {"count": left})]
        ids += [item for item in freed if item not in set(ids)]
    found = {row.id: row for row in tx.execute(select(schedules).where(schedules.c.id.in_(ids)))}
    return [stored_schedule(found[item]) for item in ids]


def lock(tx: Tx, schedule_id: str) -> StoredSchedule | None:
    """Lock one schedule and return it; None where there is none, or it was deleted."""
    _LOCK.rows(tx, {"id": schedule_id})
    row = tx.execute(select(schedules).where(schedules.c.id == schedule_id)).first()
    found = None if row is None else stored_schedule(row)
    return None if found is None or found.is_deleted else found


def live_runs(tx: Tx, schedule_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the runs of schedules that have not come to their end, by schedule."""
    found: dict[str, list[str]] = {}
    if schedule_ids:
        for schedule_id, run_id in _LIVE_RUNS.rows(tx, {"ids": list(schedule_ids)}):
            found.setdefault(schedule_id, []).append(run_id)
    return found


def fired_since(tx: Tx, schedule_ids: Sequence[str], since: datetime) -> set[tuple[str, datetime]]:
    """Return (schedule id, fire time) of the runs made for fire times since then."""
    rows = _FIRED_SINCE.rows(tx, {"ids": list(schedule_ids), "since": to_us(since)})
    return {(row[0], known_datetime(row[1])) for row in rows}


def move(tx: Tx, moved: Sequence[Moved]) -> None:
    """Store what became of locked schedules."""
    write(tx, _MOVE, [_move_row(item) for item in moved])


def _move_row(item: Moved) -> Row:
    return {
        "id": item.id,
        "next_at": _optional_us(item.next_at),
        "last_at": _optional_us(item.last_at),
        "waiting": _times_text(item.waiting),
        "last_run_id": item.last_run_id,
        "problem": item.problem,
        "made": item.made,
        "skipped": item.skipped,
    }


def add(
    tx: Tx,
    schedule_id: str,
    spec: ScheduleSpec,
    next_at: datetime | None,
    *,
    source: str | None = None,
    source_hash: str | None = None,
) -> None:
    """Store a new schedule."""
    tx.execute(
        insert(schedules).values(
            id=schedule_id,
            **_spec_values(spec),
            next_at=_optional_us(next_at),
            runs_made=0,
            runs_skipped=0,
            source=source,
            source_hash=source_hash,
            created_at=now_us(),
            updated_at=now_us(),
        )
    )


def put(
    tx: Tx,
    schedule_id: str,
    spec: ScheduleSpec,
    standing: Standing,
    *,
    source: tuple[str | None, str | None] | None = None,
) -> None:
    """Replace what a locked schedule wants.

    Args:
        tx: a write transaction.
        schedule_id: of the schedule.
        spec: all of it.
        standing: its next fire time and what waits.
        source: file and hash, where the change comes from a file.
    """
    declared: Row = {}
    if source is not None:
        declared = {"source": source[0], "source_hash": source[1], "deleted_at": None}
    tx.execute(
        update(schedules)
        .where(schedules.c.id == schedule_id)
        .values(
            **_spec_values(spec),
            **declared,
            next_at=_optional_us(standing.next_at),
            waiting=_times_text(standing.waiting),
            problem=None,
            updated_at=now_us(),
        )
    )


def remove(tx: Tx, schedule: StoredSchedule) -> None:
    """Delete a schedule; of one that a file declares a tombstone stays."""
    here = schedules.c.id == schedule.id
    if schedule.source is None:
        tx.execute(delete(schedules).where(here))
        return
    tx.execute(
        update(schedules)
        .where(here)
        .values(deleted_at=now_us(), enabled=False, next_at=None, waiting=None)
    )


def erase(tx: Tx, schedule_id: str) -> None:
    """Delete a schedule without a trace, such as one that its file names no more."""
    tx.execute(delete(schedules).where(schedules.c.id == schedule_id))


def find_by_key(tx: Tx, principal: str, key: str) -> tuple[str, str] | None:
    """Return id and request hash of the schedule that an idempotency key made, if any."""
    statement = select(schedules.c.id, schedules.c.request_hash).where(
        schedules.c.principal == principal, schedules.c.idempotency_key == key
    )
    row = tx.execute(statement).first()
    return None if row is None else (row.id, row.request_hash)


def put_key(tx: Tx, schedule_id: str, principal: str, key: str, request_hash: str) -> None:
    """Note the idempotency key that made a schedule."""
    tx.execute(
        update(schedules)
        .where(schedules.c.id == schedule_id)
        .values(principal=principal, idempotency_key=key, request_hash=request_hash)
    )


def find_by_name(tx: Tx, name: str) -> StoredSchedule | None:
    """Return the schedule of that name, deleted or not."""
    row = tx.execute(select(schedules).where(schedules.c.name == name)).first()
    return None if row is None else stored_schedule(row)


def declared(tx: Tx) -> dict[str, StoredSchedule]:
    """Return the schedules that files declare, deleted or not, by name."""
    rows = tx.execute(select(schedules).where(schedules.c.source.is_not(None)))
    return {row.name: stored_schedule(row) for row in rows}


def stored_schedule(row: AnyRow) -> StoredSchedule:
    """Turn a row of `schedules` into what the verbs need."""
    return StoredSchedule(
        id=row.id,
        spec=spec_of(row),
        standing=Standing(
            next_at=to_datetime(row.next_at),
            last_at=to_datetime(row.last_at),
            runs_made=row.runs_made,
            waiting=times_of(row.waiting),
        ),
        problem=row.problem,
        source=row.source,
        source_hash=row.source_hash,
        is_deleted=row.deleted_at is not None,
    )


def spec_of(row: AnyRow) -> ScheduleSpec:
    """Return what a row of `schedules` wants."""
    return ScheduleSpec(
        namespace=row.namespace,
        workflow=row.workflow,
        version=row.version,
        cron_expression=row.cron_expression,
        timezone=row.timezone,
        input=orjson.loads(row.input),
        enabled=bool(row.enabled),
        name=row.name,
        description=row.description,
        priority=row.priority,
        output_destinations=tuple(orjson.loads(row.output_destinations or "[]")),
        metadata=orjson.loads(row.metadata or "{}"),
        catchup=Catchup(row.catchup),
        max_catchup=row.max_catchup,
        overlap=Overlap(row.overlap),
        starts_at=to_datetime(row.starts_at),
        ends_at=to_datetime(row.ends_at),
        max_runs=row.max_runs,
    )


def times_of(text: str | None) -> tuple[datetime, ...]:
    """Parse a stored list of times."""
    return () if text is None else tuple(known_datetime(at_us) for at_us in orjson.loads(text))


def _times_text(times: Sequence[datetime]) -> str | None:
    return orjson.dumps([to_us(at) for at in times]).decode() if times else None


def _optional_us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def _spec_values(spec: ScheduleSpec) -> Row:
    return {
        "namespace": spec.namespace,
        "workflow": spec.workflow,
        "version": spec.version,
        "cron_expression": spec.cron_expression,
        "timezone": spec.timezone,
        "input": orjson.dumps(spec.input).decode(),
        "enabled": spec.enabled,
        "name": spec.name,
        "description": spec.description,
        "priority": spec.priority,
        "output_destinations": _json_or_none([dict(item) for item in spec.output_destinations]),
        "metadata": _json_or_none(dict(spec.metadata)),
        "catchup": spec.catchup.value,
        "max_catchup": spec.max_catchup,
        "overlap": spec.overlap.value,
        "starts_at": _optional_us(spec.starts_at),
        "ends_at": _optional_us(spec.ends_at),
        "max_runs": spec.max_runs,
    }


def _json_or_none(value: Mapping[str, Any] | Sequence[Any]) -> str | None:
    return orjson.dumps(value).decode() if value else None
