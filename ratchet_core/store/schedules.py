"""Schedules in the database: their rows, and how somebody changes them.

What becomes of them when they are due is in `firing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, delete, insert, select, update

from ratchet_core.domain.schedule import Catchup, Overlap, ScheduleSpec, Standing
from ratchet_core.store.clock import known_datetime, now_us, to_datetime, to_us
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.schema import schedules

Row = dict[str, Any]

_LOCK: Final = Query("SELECT r.id FROM schedules r WHERE r.id = :id {lock}")
_NOW: Final = Query("SELECT {now}")
_NOTE_RUN: Final = Query("UPDATE schedules SET last_run_id = :run_id WHERE id = :id")


#: Replaces what schedules want, by parameters that are named like their columns.
_PUT: Final = (
    update(schedules)
    .where(schedules.c.id == bindparam("locked_id"))
    .values(problem=None, updated_at=now_us())
)
#: Names or ids that one statement lists.
_TOGETHER: Final = 1_000


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


def now(tx: Tx) -> datetime:
    """Return the database's time."""
    [(at_us,)] = _NOW.rows(tx, {})
    return known_datetime(at_us)


def lock(tx: Tx, schedule_id: str) -> StoredSchedule | None:
    """Lock one schedule and return it; None where there is none, or it was deleted."""
    _LOCK.rows(tx, {"id": schedule_id})
    row = tx.execute(select(schedules).where(schedules.c.id == schedule_id)).first()
    found = None if row is None else stored_schedule(row)
    return None if found is None or found.is_deleted else found


def note_run(tx: Tx, schedule_id: str, run_id: str) -> None:
    """Store which run a locked schedule has made last."""
    _NOTE_RUN.write(tx, {"id": schedule_id, "run_id": run_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule that is to be stored."""

    id: str  #: UUIDv7
    spec: ScheduleSpec  #: what is wanted
    next_at: datetime | None  #: its first fire time
    source: str | None = None  #: the file that declares it
    source_hash: str | None = None  #: of what the file says


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSchedule:
    """What a stored schedule wants from now on."""

    id: str  #: of the schedule
    spec: ScheduleSpec  #: all of it
    standing: Standing  #: its next fire time and what waits
    source: str | None  #: the file that declares it
    source_hash: str | None  #: of what the file says


def add(tx: Tx, items: Sequence[NewSchedule]) -> None:
    """Store new schedules."""
    if not items:
        return
    statement = insert(schedules).values(
        runs_made=0, runs_skipped=0, created_at=now_us(), updated_at=now_us()
    )
    rows = [
        {
            "id": item.id,
            **_spec_values(item.spec),
            "next_at": _optional_us(item.next_at),
            "source": item.source,
            "source_hash": item.source_hash,
        }
        for item in items
    ]
    tx.execute(statement, rows)


def put(tx: Tx, schedule_id: str, spec: ScheduleSpec, standing: Standing) -> None:
    """Replace what a locked schedule wants."""
    row = {"locked_id": schedule_id, **_wanted(spec, standing)}
    tx.execute(_PUT, [row])


def put_declared(tx: Tx, items: Sequence[ChangedSchedule]) -> None:
    """Replace what schedules want whose files have changed; deleted ones are there again."""
    rows = [
        {
            "locked_id": item.id,
            **_wanted(item.spec, item.standing),
            "source": item.source,
            "source_hash": item.source_hash,
            "deleted_at": None,
        }
        for item in items
    ]
    if rows:
        tx.execute(_PUT, rows)


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


def erase(tx: Tx, ids: Sequence[str]) -> None:
    """Delete schedules without a trace, such as those that their files name no more."""
    for part in _parts(ids):
        tx.execute(delete(schedules).where(schedules.c.id.in_(part)))


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


def names_taken(tx: Tx, names: Sequence[str]) -> set[str]:
    """Return which of the names schedules have, deleted or not."""
    found = [
        name
        for part in _parts(names)
        for name in tx.scalars(select(schedules.c.name).where(schedules.c.name.in_(part)))
    ]
    return set(found)


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


def times_text(times: Sequence[datetime]) -> str | None:
    """Return a list of times as it is stored; NULL where it is empty."""
    return orjson.dumps([to_us(at) for at in times]).decode() if times else None


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _TOGETHER):
        yield texts[start : start + _TOGETHER]


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


def _wanted(spec: ScheduleSpec, standing: Standing) -> Row:
    return {
        **_spec_values(spec),
        "next_at": _optional_us(standing.next_at),
        "waiting": times_text(standing.waiting),
    }


def _json_or_none(value: Mapping[str, Any] | Sequence[Any]) -> str | None:
    return orjson.dumps(value).decode() if value else None
