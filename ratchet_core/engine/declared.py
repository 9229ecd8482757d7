"""Schedules that files declare: stored with their workflows, kept in step with their files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.engine import schedule_events
from ratchet_core.engine.core import Core
from ratchet_core.engine.schedules import restarted
from ratchet_core.store import schedules as stored
from ratchet_core.store.database import RETRIED_WITH_DOUBLES, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSync:
    """What a sync of declared schedules changed, by name."""

    added: tuple[str, ...] = ()  #: new ones
    replaced: tuple[str, ...] = ()  #: their file says something else now
    removed: tuple[str, ...] = ()  #: their file names them no more
    refused: tuple[str, ...] = ()  #: changed, but a running server keeps what it has
    taken: tuple[str, ...] = ()  #: another schedule has the name


def sync(
    core: Core,
    found: Sequence[DeclaredSchedule],
    covered: Collection[tuple[str, str]],
    *,
    replace_changed: bool,
) -> ScheduleSync:
    """Store what files declare; what an operator has changed stays until the file changes.

    Args:
        core: the shared parts.
        found: of the latest version of each workflow.
        covered: (namespace, name) of the workflows whose files were read: of these, declared
            schedules that are not found any more are deleted.
        replace_changed: False keeps what is stored where a file has changed.
    """
    changes: dict[str, list[str]] = {}

    def work(tx: Tx) -> None:
        changes.clear()
        gone: list[stored.StoredSchedule] = []
        known = stored.declared(tx)
        now = stored.now(tx)
        for item in found:
            old = known.pop(str(item.spec.name), None)
            kind = _sync_one(core, tx, item, old, now, replace_changed=replace_changed)
            changes.setdefault(kind, []).append(str(item.spec.name))
        for name, schedule in known.items():
            if (schedule.spec.namespace, schedule.spec.workflow) in covered and replace_changed:
                stored.erase(tx, schedule.id)
                changes.setdefault("removed", []).append(name)
                gone += [] if schedule.is_deleted else [schedule]
        schedule_events.deleted(tx, gone, now)

    core.database.transact(work, retried=RETRIED_WITH_DOUBLES)
    changes.pop("same", None)
    return ScheduleSync(**{kind: tuple(names) for kind, names in changes.items()})


def _sync_one(
    core: Core,
    tx: Tx,
    item: DeclaredSchedule,
    old: stored.StoredSchedule | None,
    now: datetime,
    *,
    replace_changed: bool,
) -> str:
    table = item.spec.timetable()
    source = (item.file, _content_hash(item))
    if old is None:
        if stored.find_by_name(tx, str(item.spec.name)) is not None:
            return "taken"
        next_at = table.next_after(now) if item.spec.enabled else None
        schedule_id = core.new_id()
        stored.add(tx, schedule_id, item.spec, next_at, source=source[0], source_hash=source[1])
        schedule_events.created(tx, schedule_id, item.spec, now)
        return "added"
    if old.source_hash == source[1]:
        return "same"
    if not replace_changed:
        return "refused"
    standing = restarted(item.spec, old.standing, table.next_after, now)
    stored.put(tx, old.id, item.spec, standing, source=source)
    if old.is_deleted:
        schedule_events.created(tx, old.id, item.spec, now)
    else:
        schedule_events.updated(tx, old, item.spec, now)
    return "replaced"


def _content_hash(item: DeclaredSchedule) -> str:
    document = orjson.dumps(item.spec, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(document).hexdigest()
