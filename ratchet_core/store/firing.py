"""What is due among the schedules, and the guarded step that each makes when it fires.

A schedule moves on only if it is still as it was seen when its runs were planned: whoever moves it
makes its runs in the same transaction. So planning needs no lock, and however many schedulers plan
at a time, one of them fires. What is due is decided by `domain.schedule`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from ratchet_core.domain.schedule import Catchup, Overlap, ScheduleSpec, Standing
from ratchet_core.store.clock import known_datetime, to_datetime, to_us
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.schedules import times_of, times_text

_COLUMNS: Final = (
    "id, updated_at, next_at, waiting, last_run_id, last_at, runs_made, problem, namespace, "
    "workflow, version, input, priority, output_destinations, metadata, cron_expression, "
    "timezone, catchup, max_catchup, overlap, starts_at, ends_at, max_runs, name"
)
#: Of `_COLUMNS`, those that tell whether somebody else has fired or changed a schedule.
_SEEN: Final = 5
#: After them and three that say how far it has come: what its runs are made of.
_MADE_OF: Final = slice(8, 15)
#: Those whose runs wait, and whose earlier run has ended.
_LIVE: Final = (
    "EXISTS (SELECT 1 FROM runs WHERE runs.schedule_id = schedules.id AND completed_at IS NULL)"
)
_IS_FREED: Final = f"waiting IS NOT NULL AND NOT {_LIVE}"
_DUE: Final = Query(
    f"SELECT {_COLUMNS} FROM schedules WHERE next_at <= {{now}} "  # noqa: S608 - constants only
    "ORDER BY next_at, id LIMIT :count"
)
_FREED: Final = Query(
    f"SELECT {_COLUMNS} FROM schedules WHERE {_IS_FREED} ORDER BY id LIMIT :count"  # noqa: S608
)
_LOOK: Final = Query(
    f"""
    SELECT (SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL) - {{now}},
        EXISTS (SELECT 1 FROM schedules WHERE {_IS_FREED})
    """  # noqa: S608
)
_LIVE_RUNS: Final = Query(
    "SELECT schedule_id, id FROM runs WHERE schedule_id IN :ids[] AND completed_at IS NULL"
)
_FIRED_SINCE: Final = Query(
    "SELECT schedule_id, scheduled_for FROM runs WHERE schedule_id IN :ids[] "
    "AND scheduled_for >= :since"
)
_MOVED: Final = (
    ("id", "text"),
    ("was_updated_at", "bigint"),
    ("was_next_at", "bigint"),
    ("was_waiting", "text"),
    ("was_last_run_id", "text"),
    ("next_at", "bigint"),
    ("last_at", "bigint"),
    ("waiting", "text"),
    ("last_run_id", "text"),
    ("problem", "text"),
    ("made", "int"),
    ("skipped", "int"),
)
#: The rows of one JSON text, as each database reads them.
_ROWS: Final = {
    "sqlite": "(SELECT {} FROM json_each(:rows)) AS v".format(  # noqa: S608
        ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name, _ in _MOVED)
    ),
    "postgresql": "json_to_recordset(:rows::json) AS v({})".format(
        ", ".join(f"{name} {kind}" for name, kind in _MOVED)
    ),
}
_SAME: Final = {"sqlite": "IS", "postgresql": "IS NOT DISTINCT FROM"}
_MOVE: Final = {
    dialect: Query(
        f"""
        UPDATE schedules SET next_at = v.next_at, last_at = v.last_at, waiting = v.waiting,
            last_run_id = coalesce(v.last_run_id, schedules.last_run_id), problem = v.problem,
            runs_made = runs_made + v.made, runs_skipped = runs_skipped + v.skipped
        FROM {_ROWS[dialect]}
        WHERE schedules.id = v.id AND updated_at = v.was_updated_at
            AND schedules.next_at {same} v.was_next_at
            AND schedules.waiting {same} v.was_waiting
            AND schedules.last_run_id {same} v.was_last_run_id
        RETURNING schedules.id
        """  # noqa: S608
    )
    for dialect, same in _SAME.items()
}


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that has something to do, as it was seen."""

    id: str  #: UUIDv7
    spec: ScheduleSpec  #: what is wanted, but its description
    standing: Standing  #: how far it has come
    problem: str | None  #: why the latest fire time made no run
    made_of: tuple[Any, ...]  #: of its runs; equal ones make equal runs
    seen: tuple[Any, ...]  #: changes with everything that anybody does to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of a schedule whose fire times were decided upon."""

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


def look(tx: Tx) -> Outlook:
    """Tell when the next fire time is due, by the database's clock."""
    [(due_in_us, has_freed)] = _LOOK.rows(tx, {})
    return Outlook(due_in_us, bool(has_freed))


def due(tx: Tx, count: int) -> list[DueSchedule]:
    """Return up to `count` schedules that have something to do now, the most urgent first."""
    found = [_due_schedule(row) for row in _DUE.rows(tx, {"count": count})]
    if len(found) < count:
        known = {item.id for item in found}
        freed = _FREED.rows(tx, {"count": count - len(found)})
        found += [_due_schedule(row) for row in freed if row[0] not in known]
    return found


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


def move(tx: Tx, moved: Sequence[tuple[DueSchedule, Moved]]) -> Collection[str]:
    """Store what became of schedules that are still as they were seen.

    Args:
        tx: a write transaction.
        moved: all in the order of `due`, so that two schedulers never wait for each other.

    Returns:
        The ids of those that have moved: their runs are to be stored in this transaction.
    """
    rows = [_move_row(schedule, item) for schedule, item in moved]
    text = orjson.dumps(rows).decode()
    return {row[0] for row in _MOVE[tx.dialect.name].rows(tx, {"rows": text})}


def _due_schedule(row: tuple[Any, ...]) -> DueSchedule:
    seen, made_of = row[:_SEEN], row[_MADE_OF]
    last_at, runs_made, problem = row[_SEEN : _MADE_OF.start]
    namespace, workflow, version, text, priority, destinations, metadata = made_of
    cron, zone, catchup, max_catchup, overlap, starts_at, ends_at, max_runs, name = row[
        _MADE_OF.stop :
    ]
    spec = ScheduleSpec(
        name=name,
        namespace=namespace,
        workflow=workflow,
        version=version,
        input=orjson.loads(text),
        priority=priority,
        output_destinations=tuple(orjson.loads(destinations)) if destinations else (),
        metadata=orjson.loads(metadata) if metadata else {},
        cron_expression=cron,
        timezone=zone,
        catchup=Catchup(catchup),
        max_catchup=max_catchup,
        overlap=Overlap(overlap),
        starts_at=to_datetime(starts_at),
        ends_at=to_datetime(ends_at),
        max_runs=max_runs,
    )
    schedule_id, _, next_at, waiting, _ = seen
    standing = Standing(
        next_at=to_datetime(next_at),
        last_at=to_datetime(last_at),
        runs_made=runs_made,
        waiting=times_of(waiting),
    )
    return DueSchedule(schedule_id, spec, standing, problem, made_of, seen)


def _move_row(schedule: DueSchedule, item: Moved) -> dict[str, Any]:
    schedule_id, updated_at, next_at, waiting, last_run_id = schedule.seen
    return {
        "id": schedule_id,
        "was_updated_at": updated_at,
        "was_next_at": next_at,
        "was_waiting": waiting,
        "was_last_run_id": last_run_id,
        "next_at": None if item.next_at is None else to_us(item.next_at),
        "last_at": None if item.last_at is None else to_us(item.last_at),
        "waiting": times_text(item.waiting),
        "last_run_id": item.last_run_id,
        "problem": item.problem,
        "made": item.made,
        "skipped": item.skipped,
    }
