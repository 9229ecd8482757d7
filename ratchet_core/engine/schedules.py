"""Schedules: make, change, delete and trigger one. What fires them is in `fire`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from ratchet_core.domain.schedule import ScheduleSpec, Standing
from ratchet_core.engine import schedule_events, submit
from ratchet_core.engine.core import Core
from ratchet_core.engine.plugged import chosen_queue, submission_of
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import (
    IdempotencyConflict,
    ScheduleNameTaken,
    ScheduleNotFound,
    WorkflowDisabled,
)
from ratchet_core.store import runs
from ratchet_core.store import schedules as stored
from ratchet_core.store.database import RETRIED_WITH_DOUBLES, Tx

#: Who asks for the runs that fire times make.
BY: Final = "scheduler"

#: Fields that say when a schedule fires; a change of them finds the next fire time anew.
_TIMING: Final = ("cron_expression", "timezone", "starts_at", "ends_at", "max_runs", "enabled")
#: Fields that say what its runs are; a change of them is checked as a request for a run.
_OF_RUNS: Final = frozenset(
    {"namespace", "workflow", "version", "input", "priority", "output_destinations"}
)


@dataclass(frozen=True, slots=True)
class ScheduleKey:
    """Idempotency of a request for a schedule: kept as long as the schedule."""

    principal: str  #: who asks; keys are kept per principal
    key: str  #: same key, same request: the same schedule


def create(core: Core, spec: ScheduleSpec, key: ScheduleKey | None = None) -> tuple[str, bool]:
    """Store a new schedule; return its id, and False where the key had made it before.

    Raises:
        IdempotencyConflict: the key was used for another request.
        NamespaceNotFound, WorkflowNotFound: no such workflow or version.
        ValidationFailed: naming the field that is wrong, or what the input breaks.
        ScheduleNameTaken: another schedule has the name.
    """
    table = spec.checked()
    schedule_id = core.new_id()
    request_hash = None if key is None else _request_hash(spec)

    def work(tx: Tx) -> tuple[str, bool]:
        known = None if key is None else stored.find_by_key(tx, key.principal, key.key)
        if key is not None and known is not None:
            if known[1] != request_hash:
                message = f"Idempotency-Key '{key.key}' was used for another request"
                raise IdempotencyConflict(f"{message} (schedule '{known[0]}'); use a new key")
            return known[0], False
        now = stored.now(tx)
        spec.refuse_past(now)
        _check_target(core, tx, spec)
        _check_name(tx, spec.name, schedule_id)
        next_at = table.next_after(now) if spec.enabled else None
        stored.add(tx, [stored.NewSchedule(id=schedule_id, spec=spec, next_at=next_at)])
        schedule_events.write(tx, [schedule_events.created(schedule_id, spec, now)])
        if key is not None:
            stored.put_key(tx, schedule_id, key.principal, key.key, str(request_hash))
        return schedule_id, True

    return core.database.transact(work, retried=RETRIED_WITH_DOUBLES)


def update(core: Core, schedule_id: str, changes: Mapping[str, Any]) -> None:
    """Change some fields of a schedule; the others stay as they are.

    Args:
        core: the shared parts.
        schedule_id: of the schedule.
        changes: fields of `ScheduleSpec` to their new values.

    Raises:
        ScheduleNotFound: no such schedule.
        ValidationFailed, NamespaceNotFound, WorkflowNotFound, ScheduleNameTaken: as `create`;
            nothing is changed then.
    """

    def work(tx: Tx) -> None:
        schedule = _locked(tx, schedule_id)
        spec = replace(schedule.spec, **changes)
        table = spec.checked()
        now = stored.now(tx)
        if changes.get("ends_at") is not None:
            spec.refuse_past(now)
        if changes.keys() & _OF_RUNS:
            _check_target(core, tx, spec)
        _check_name(tx, spec.name, schedule_id)
        standing = schedule.standing
        if any(getattr(spec, name) != getattr(schedule.spec, name) for name in _TIMING):
            standing = restarted(spec, standing, table.next_after, now)
        stored.put(tx, schedule_id, spec, standing)
        schedule_events.write(tx, schedule_events.updated(schedule, spec, now))

    core.database.transact(work, retried=RETRIED_WITH_DOUBLES)


def restarted(
    spec: ScheduleSpec,
    standing: Standing,
    next_after: Callable[[datetime], datetime | None],
    now: datetime,
) -> Standing:
    """Return the standing of a schedule whose times were changed: it goes on from now.

    Never back to a fire time that was decided upon, even where the clock was put back.
    """
    if not spec.enabled:
        return replace(standing, next_at=None, waiting=())
    is_used_up = spec.max_runs is not None and standing.runs_made >= spec.max_runs
    after = max(at for at in (now, standing.last_at) if at)
    return replace(standing, next_at=None if is_used_up else next_after(after))


def delete(core: Core, schedule_id: str) -> None:
    """Delete a schedule; its runs stay. One that a file declares stays away from reloads, too.

    Raises:
        ScheduleNotFound: no such schedule.
    """

    def work(tx: Tx) -> None:
        schedule = _locked(tx, schedule_id)
        stored.remove(tx, schedule)
        schedule_events.write(tx, [schedule_events.deleted(schedule, stored.now(tx))])

    core.database.transact(work)


def trigger(core: Core, schedule_id: str, by: str) -> str:
    """Make one run of a schedule now, whatever its times say, and return its id.

    The run has no fire time, counts for no `max_runs` and minds no `overlap`.

    Raises:
        ScheduleNotFound: no such schedule.
        NamespaceNotFound, WorkflowNotFound, WorkflowDisabled: its workflow takes no run.
        ValidationFailed: its input breaks the schema that the workflow has now.
    """
    queue = _chosen_queue(core, schedule_id, by)

    def work(tx: Tx) -> submit.PreparedRun:
        schedule = _locked(tx, schedule_id)
        request = replace(request_of(schedule_id, schedule.spec, None), principal=by, queue=queue)
        prepared = submit.prepare(core, tx, request, {})
        prepared.journal.append(
            schedule_events.fired(prepared.run, schedule_id, schedule.spec, None, by)
        )
        runs.insert_runs(tx, [prepared.run], prepared.steps, prepared.journal)
        stored.note_run(tx, schedule_id, prepared.run_id)
        return prepared

    prepared = core.database.transact(work)
    tell(core, {prepared.queue: prepared.ready})
    return prepared.run_id


def _request_hash(spec: ScheduleSpec) -> str:
    """Hash what makes two requests for a schedule the same: every field of it."""
    return hashlib.sha256(orjson.dumps(spec, dict, orjson.OPT_SORT_KEYS)).hexdigest()


def request_of(schedule_id: str, spec: ScheduleSpec, at: datetime | None) -> SubmitRequest:
    """Return the request that a fire time makes; without one, that of a trigger."""
    return SubmitRequest(
        namespace=spec.namespace,
        name=spec.workflow,
        version=spec.version,
        input=spec.input,
        principal=BY,
        priority=spec.priority,
        origin=spec.metadata,
        output_destinations=spec.output_destinations,
        schedule_id=schedule_id,
        scheduled_for=at,
    )


def _chosen_queue(core: Core, schedule_id: str, by: str) -> str | None:
    """Ask plugins about a run that is wanted now; return the queue that they choose, if any.

    Raises:
        RatchetError: a plugin refuses it, or there is no such schedule.
    """
    if not core.calls.minds_submissions:
        return None
    schedule = core.database.transact(lambda tx: _locked(tx, schedule_id))
    request = replace(request_of(schedule_id, schedule.spec, None), principal=by)
    core.calls.before_submit(submission_of(request))
    return chosen_queue(core, request)


def tell(core: Core, ready: Mapping[str, int]) -> None:
    """Tell of stored runs, and ring for their steps; queue to steps that are ready."""
    core.notify()
    if any(ready.values()):
        core.ring(ready)


def _locked(tx: Tx, schedule_id: str) -> stored.StoredSchedule:
    schedule = stored.lock(tx, schedule_id)
    if schedule is None:
        raise ScheduleNotFound(schedule_id)
    return schedule


def _check_target(core: Core, tx: Tx, spec: ScheduleSpec) -> None:
    """Check that a run could be made now; a disabled workflow may have schedules."""
    request = SubmitRequest(
        namespace=spec.namespace,
        name=spec.workflow,
        version=spec.version,
        input=spec.input,
        priority=spec.priority,
        output_destinations=spec.output_destinations,
    )
    try:
        submit.prepare(core, tx, request, {})
    except WorkflowDisabled:
        return


def _check_name(tx: Tx, name: str | None, schedule_id: str) -> None:
    other = None if name is None else stored.find_by_name(tx, name)
    if other is None or other.id == schedule_id:
        return
    where = f"; {other.source} declares it" if other.source else ""
    raise ScheduleNameTaken(
        f"The name '{name}' belongs to schedule '{other.id}'{where}; choose another"
    )
