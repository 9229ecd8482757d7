"""The entries of the journal about schedules: written with what they tell of.

What a fire time made belongs to the run that it made, and goes with it; the others belong to no
run, and are kept as long as the longest-kept run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from ratchet_core.domain.events import EventName
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.engine.submit import PreparedRun
from ratchet_core.store.clock import to_us
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import entry, write_journal
from ratchet_core.store.schedules import StoredSchedule

Row = dict[str, Any]


def created(tx: Tx, schedule_id: str, spec: ScheduleSpec, now: datetime) -> None:
    """Note that a schedule is new."""
    write_journal(tx, [_of(EventName.SCHEDULE_CREATED, schedule_id, spec, now)])


def updated(tx: Tx, old: StoredSchedule, spec: ScheduleSpec, now: datetime) -> None:
    """Note what was changed; nothing where nothing was."""
    names = [item.name for item in fields(spec)]
    changed = [name for name in names if getattr(old.spec, name) != getattr(spec, name)]
    entries = []
    if "enabled" in changed:
        changed.remove("enabled")
        name = EventName.SCHEDULE_RESUMED if spec.enabled else EventName.SCHEDULE_PAUSED
        entries.append(_of(name, old.id, spec, now))
    if changed:
        entries.insert(0, _of(EventName.SCHEDULE_UPDATED, old.id, spec, now, changed=changed))
    if entries:
        write_journal(tx, entries)


def deleted(tx: Tx, schedules: Iterable[StoredSchedule], now: datetime) -> None:
    """Note that schedules are gone."""
    entries = [_of(EventName.SCHEDULE_DELETED, item.id, item.spec, now) for item in schedules]
    if entries:
        write_journal(tx, entries)


def note_fired(
    prepared: PreparedRun, schedule: StoredSchedule, at: datetime | None, by: str | None = None
) -> None:
    """Add what made a run to the entries that are stored with it.

    Args:
        prepared: the run.
        schedule: that made it.
        at: the fire time; None where somebody triggered it.
        by: who triggered it.
    """
    data = {**_about(schedule.id, schedule.spec), "scheduled_for": _text(at), "by": by}
    name = EventName.SCHEDULE_FIRED
    created_at: int = prepared.run["created_at"]
    prepared.journal.append(entry(prepared.run_id, None, name, created_at, data))


def missed(schedule: StoredSchedule, now: datetime, count: int, problem: str | None) -> Row:
    """Return the entry about fire times that make no run.

    Args:
        schedule: whose they are.
        now: the database's time.
        count: of the fire times.
        problem: why there can be no run; None where the schedule's own `overlap` says so.
    """
    name = EventName.SCHEDULE_MISSED
    return _of(name, schedule.id, schedule.spec, now, count=count, problem=problem)


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


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
