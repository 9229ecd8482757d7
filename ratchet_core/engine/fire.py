"""Firing: the runs of fire times that have come, made in one transaction with their decision.

What is due is decided by `domain.schedule`. The rows of due schedules are locked meanwhile, and a
fire time is unique among the runs of its schedule, so any number of schedulers may fire at any
time. A schedule whose run cannot be made keeps the reason and holds up no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ratchet_core.domain.schedule import Overlap, decide
from ratchet_core.engine import plugged, schedule_events, submit
from ratchet_core.engine.control import cancel_in
from ratchet_core.engine.core import Core
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.schedules import BY, insert_planned, request_of, tell
from ratchet_core.errors import Conflict, RatchetError, ValidationFailed
from ratchet_core.store import schedules as stored
from ratchet_core.store.database import RETRIED_WITH_DOUBLES, Tx
from ratchet_core.store.runs import write_journal

#: Schedules that one transaction fires at most.
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Fired:
    """What one batch of firing did."""

    schedules: int = 0  #: that had something to do
    runs: int = 0  #: made
    is_full: bool = False  #: more may be due


def fire_due(core: Core, limit: int = BATCH) -> Fired:
    """Make the runs of fire times that have come, in one transaction.

    Args:
        core: the shared parts.
        limit: schedules that are looked at.
    """
    if not _has_due(core):
        return Fired()
    asked = _asked(core, limit)

    def work(tx: Tx) -> tuple[Fired, list[submit.PreparedRun]]:
        due = stored.claim_due(tx, limit)
        if asked is not None:  # what became due since is asked about the next time
            due = [item for item in due if item.id in asked]
        return _Batch(core, tx, asked or {}).fire(due, limit)

    fired, prepared = core.database.transact(work, retried=RETRIED_WITH_DOUBLES)
    tell(core, prepared)
    return fired


def next_due_in_s(core: Core) -> float | None:
    """Return in how many seconds something is due; 0 when it is, None when nothing will be."""
    with core.database.read() as tx:
        outlook = stored.look(tx)
    if outlook.has_freed:
        return 0.0
    return None if outlook.due_in_us is None else max(0.0, outlook.due_in_us / 1_000_000)


def _has_due(core: Core) -> bool:
    return next_due_in_s(core) == 0.0


def _asked(core: Core, limit: int) -> dict[str, SubmitRequest | RatchetError] | None:
    """Ask plugins about the runs of due schedules; None where no plugin wants to know."""
    if not core.calls.minds_submissions:
        return None
    due = core.database.transact(lambda tx: stored.claim_due(tx, limit))
    answers = plugged.vetted(core, [request_of(item, item.standing.next_at) for item in due])
    return {item.id: answer for item, answer in zip(due, answers, strict=True)}


class _Batch:
    """One transaction that fires locked schedules."""

    def __init__(
        self, core: Core, tx: Tx, asked: Mapping[str, SubmitRequest | RatchetError]
    ) -> None:
        self._core = core
        self._asked = asked
        self._tx = tx
        self._found: submit.Found = {}
        self._prepared: list[submit.PreparedRun] = []
        self._cancelled: list[str] = []
        self._missed: list[dict[str, Any]] = []

    def fire(
        self, due: Sequence[stored.StoredSchedule], limit: int
    ) -> tuple[Fired, list[submit.PreparedRun]]:
        """Decide upon each schedule and store what comes of it."""
        if not due:
            return Fired(), []
        now = stored.now(self._tx)
        minding = [item.id for item in due if item.spec.overlap is not Overlap.ALLOW]
        live = stored.live_runs(self._tx, minding)
        since = min(_oldest(item, now) for item in due)
        fired = stored.fired_since(self._tx, [item.id for item in due], since)
        moved = [self._decided(item, now, live.get(item.id, []), fired) for item in due]
        for run_id in sorted(self._cancelled):
            self._cancel(run_id)
        insert_planned(self._tx, self._prepared)
        stored.move(self._tx, moved)
        if self._missed:
            write_journal(self._tx, self._missed)
        done = Fired(len(due), len(self._prepared), is_full=len(due) >= limit)
        return done, self._prepared

    def _decided(
        self,
        schedule: stored.StoredSchedule,
        now: datetime,
        live: Sequence[str],
        fired: Collection[tuple[str, datetime]],
    ) -> stored.Moved:
        spec, standing = schedule.spec, schedule.standing
        try:
            table = spec.timetable()
        except ValidationFailed as error:
            return stored.Moved(
                id=schedule.id, next_at=None, last_at=standing.last_at, problem=error.message
            )
        decision = decide(spec, table, standing, now, is_active=bool(live))
        wanted = [at for at in decision.make if (schedule.id, at) not in fired]
        made, problem = self._made(schedule, wanted) if wanted else ([], schedule.problem)
        missed = decision.skipped + (0 if made else len(wanted))
        if missed:
            why = None if made or not wanted else problem
            self._missed.append(schedule_events.missed(schedule, now, missed, why))
        if made and decision.cancel_active:
            self._cancelled += live
        next_at = decision.next_at
        if wanted and not made and next_at is None:
            next_at = table.next_after(now)  # a fire time that made no run uses up none
        return stored.Moved(
            id=schedule.id,
            next_at=next_at,
            last_at=decision.last_at,
            waiting=decision.waiting,
            last_run_id=made[-1].run_id if made else None,
            problem=problem,
            made=len(made),
            skipped=decision.skipped,
        )

    def _made(
        self, schedule: stored.StoredSchedule, times: Sequence[datetime]
    ) -> tuple[list[submit.PreparedRun], str | None]:
        """Plan the runs of fire times; or tell why there can be none."""
        made: list[submit.PreparedRun] = []
        answer = self._asked.get(schedule.id)
        if isinstance(answer, RatchetError):
            return [], answer.message
        for at in times:
            try:
                request = request_of(schedule, at)
                if answer is not None:
                    request = replace(request, queue=answer.queue)
                made.append(submit.prepare(self._core, self._tx, request, self._found))
                schedule_events.note_fired(made[-1], schedule, at)
            except RatchetError as error:
                return [], f"{error.message}{_told(error)}"
        for item in made:
            # what a fire time of the past makes has not been waiting since then
            for row in item.steps:
                row["ready_at"] = item.run["created_at"]
        self._prepared += made
        return made, None

    def _cancel(self, run_id: str) -> None:
        try:
            cancel_in(self._core, self._tx, run_id, BY)
        except Conflict:
            return  # it came to its end by itself meanwhile


def _told(error: RatchetError) -> str:
    """Return the details of an error in one line."""
    if not isinstance(error, ValidationFailed) or not error.details:
        return ""
    return ": " + "; ".join(f"{key} {texts[0]}" for key, texts in error.details.items())[:500]


def _oldest(schedule: stored.StoredSchedule, now: datetime) -> datetime:
    standing = schedule.standing
    return min(standing.next_at or now, *standing.waiting, now)
