"""Schedules that files declare: stored with their workflows, kept in step with their files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.engine import schedule_events
from ratchet_core.engine.core import Core
from ratchet_core.engine.schedules import restarted
from ratchet_core.store import schedules as stored
from ratchet_core.store.database import RETRIED_WITH_DOUBLES, Tx

Row = dict[str, Any]


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
    hashed = [(item, _content_hash(item)) for item in found]

    def work(tx: Tx) -> _Difference:
        known = stored.declared(tx)
        new = [item.spec.name for item in found if item.spec.name not in known]
        difference = _Difference(stored.now(tx), stored.names_taken(tx, [str(n) for n in new]))
        for item, content_hash in hashed:
            old = known.pop(str(item.spec.name), None)
            if old is None:
                difference.add(core.new_id, item, content_hash)
            elif old.source_hash != content_hash:
                difference.change(old, item, content_hash, replace_changed=replace_changed)
        for schedule in known.values():
            target = (schedule.spec.namespace, schedule.spec.workflow)
            if target in covered and replace_changed:
                difference.erase(schedule)
        difference.write(tx)
        return difference

    return core.database.transact(work, retried=RETRIED_WITH_DOUBLES).report()


class _Difference:
    """What has to be written, so that the database has what the files declare; in few statements.

    Args:
        now: the database's time.
        taken: names that are not free.
    """

    def __init__(self, now: datetime, taken: set[str]) -> None:
        self._now = now
        self._taken = taken
        self._names: dict[str, list[str]] = {}
        self._new: list[stored.NewSchedule] = []
        self._changed: list[stored.ChangedSchedule] = []
        self._erased: list[str] = []
        self._entries: list[Row] = []

    def add(self, new_id: Callable[[], str], item: DeclaredSchedule, content_hash: str) -> None:
        """Note a schedule that is not stored yet; its name may be another's."""
        spec, name = item.spec, str(item.spec.name)
        if name in self._taken:
            self._note("taken", name)
            return
        self._taken.add(name)
        new = stored.NewSchedule(
            id=new_id(),
            spec=spec,
            next_at=spec.timetable().next_after(self._now) if spec.enabled else None,
            source=item.file,
            source_hash=content_hash,
        )
        self._new.append(new)
        self._entries.append(schedule_events.created(new.id, spec, self._now))
        self._note("added", name)

    def change(
        self,
        old: stored.StoredSchedule,
        item: DeclaredSchedule,
        content_hash: str,
        *,
        replace_changed: bool,
    ) -> None:
        """Note a schedule whose file says something else now."""
        spec = item.spec
        if not replace_changed:
            self._note("refused", str(spec.name))
            return
        changed = stored.ChangedSchedule(
            id=old.id,
            spec=spec,
            standing=restarted(spec, old.standing, spec.timetable().next_after, self._now),
            source=item.file,
            source_hash=content_hash,
        )
        self._changed.append(changed)
        if old.is_deleted:
            self._entries.append(schedule_events.created(old.id, spec, self._now))
        else:
            self._entries += schedule_events.updated(old, spec, self._now)
        self._note("replaced", str(spec.name))

    def erase(self, schedule: stored.StoredSchedule) -> None:
        """Note a schedule that no file names any more."""
        self._erased.append(schedule.id)
        if not schedule.is_deleted:
            self._entries.append(schedule_events.deleted(schedule, self._now))
        self._note("removed", str(schedule.spec.name))

    def write(self, tx: Tx) -> None:
        """Write all of it."""
        stored.add(tx, self._new)
        stored.put_declared(tx, self._changed)
        stored.erase(tx, self._erased)
        schedule_events.write(tx, self._entries)

    def report(self) -> ScheduleSync:
        """Return what was changed, by name."""
        return ScheduleSync(**{kind: tuple(names) for kind, names in self._names.items()})

    def _note(self, kind: str, name: str) -> None:
        self._names.setdefault(kind, []).append(name)


def _content_hash(item: DeclaredSchedule) -> str:
    document = orjson.dumps(item.spec, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(document).hexdigest()
