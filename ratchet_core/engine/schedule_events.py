"""The entries of the journal about schedules: written with what they tell of.

What a fire time made belongs to the run that it made, and goes with it; the others belong to no
run, and are kept as long as the longest-kept run.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from ratchet_core.domain.events import EventName
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.store.clock import to_us
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Rows
from ratchet_core.store.runs import entry, write_journal
from ratchet_core.store.schedules import StoredSchedule

Row = dict[str, Any]


def created(schedule_id: str, spec: ScheduleSpec, now: datetime) -> Row:
    """Return the entry that a schedule is new."""
    return _of(EventName.SCHEDULE_CREATED, schedule_id, spec, now)


def updated(old: StoredSchedule, spec: ScheduleSpec, now: datetime) -> list[Row]:
    """Return the entries about what was changed; none where nothing was."""
    names = [item.name for item in fields(spec)]
    changed = [name for name in names if getattr(old.spec, name) != getattr(spec, name)]
    entries = []
    if "enabled" in changed:
        changed.remove("enabled")
        name = EventName.SCHEDULE_RESUMED if spec.enabled else EventName.SCHEDULE_PAUSED
        entries.append(_of(name, old.id, spec, now))
    if changed:
        entries.insert(0, _of(EventName.SCHEDULE_UPDATED, old.id, spec, now, changed=changed))
    return entries


def deleted(schedule: StoredSchedule, now: datetime) -> Row:
    """Return the entry that a schedule is gone."""
    return _of(EventName.SCHEDULE_DELETED, schedule.id, schedule.spec, now)


def write(tx: Tx, entries: Rows) -> None:
    """Write entries; nothing where there are none."""
    if entries:
        write_journal(tx, entries)


def fired(
    run: Row, schedule_id: str, spec: ScheduleSpec, at: str | None, by: str | None = None
) -> Row:
    """Return the entry about what made a run, to be stored with it.

    Args:
        run: the row of the run.
        schedule_id: of the schedule that made it.
        spec: what that schedule wants.
        at: the fire time, as events have times; None where somebody triggered it.
        by: who triggered it.
    """
    data = {**_about(schedule_id, spec), "scheduled_for": at, "by": by}
    return entry(run["id"], None, EventName.SCHEDULE_FIRED, run["created_at"], data)


def missed(
    schedule_id: str, spec: ScheduleSpec, now: datetime, count: int, problem: str | None
) -> Row:
    """Return the entry about fire times that make no run.

    Args:
        schedule_id: whose they are.
        spec: what that schedule wants.
        now: the database's time.
        count: of the fire times.
        problem: why there can be no run; None where the schedule's own `overlap` says so.
    """
    name = EventName.SCHEDULE_MISSED
    return _of(name, schedule_id, spec, now, count=count, problem=problem)


def _of(
    name: EventName, schedule_id: str, spec: ScheduleSpec, now: datetime, **more: object
) -> Row:
    return entry("", None, name, to_us(now), {**_about(schedule_id, spec), **more})


def _about(schedule_id: str, spec: ScheduleSpec) -> dict[str, object]:
    return {
        "schedule_id": schedule_id,
        "schedule": spec.name,
        "namespace": spec.namespace,
        "workflow": spec.workflow,
    }


def text_of(at: datetime) -> str:
    """Return a time as events have it."""
    return at.isoformat().replace("+00:00", "Z")
