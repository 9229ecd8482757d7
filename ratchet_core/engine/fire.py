"""Firing: the runs of fire times that have come, made in one transaction with their decision.

What is due is decided by `domain.schedule`. Runs are planned without a lock, and stored with the
step of their schedule if it is still as it was seen then (`store.firing`); a fire time is unique
among the runs of its schedule, too. So any number of schedulers may fire at any time. A schedule
whose run cannot be made keeps the reason and holds up no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from ratchet_core.domain.schedule import Overlap, decide
from ratchet_core.engine import plugged, schedule_events, submit
from ratchet_core.engine.control import cancel_in
from ratchet_core.engine.core import Core
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.schedules import BY, request_of, tell
from ratchet_core.errors import Conflict, RatchetError, RunNotFound, ValidationFailed
from ratchet_core.store import firing as stored
from ratchet_core.store import runs, schedules
from ratchet_core.store.clock import to_us
from ratchet_core.store.database import Tx

#: Schedules that one transaction fires at most: it holds SQLite's lock for about 15 ms.
BATCH: Final = 250

#: What plugins say about the runs of schedules, by schedule.
Answers = Mapping[str, SubmitRequest | RatchetError]


@dataclass(frozen=True, slots=True)
class Fired:
    """What one batch of firing did."""

    schedules: int = 0  #: that had something to do
    runs: int = 0  #: made
    is_full: bool = False  #: more may be due


@dataclass(slots=True)
class _Rows:
    """The rows of planned runs."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    ready: Counter[str] = field(default_factory=Counter)  #: steps to be claimed, by queue
    cancelled: list[str] = field(default_factory=list)  #: earlier runs that are to end first

    def add(self, other: _Rows) -> None:
        self.runs += other.runs
        self.steps += other.steps
        self.journal += other.journal
        self.ready.update(other.ready)
        self.cancelled += other.cancelled


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a schedule is to do."""

    schedule: stored.DueSchedule  #: as it was seen
    moved: stored.Moved  #: what becomes of it
    rows: _Rows  #: its runs


def fire_due(core: Core, limit: int = BATCH) -> Fired:
    """Make the runs of fire times that have come, in one transaction.

    Args:
        core: the shared parts.
        limit: schedules that are looked at.
    """
    with core.database.read() as tx:
        due = stored.due(tx, limit)
    if not due:
        return Fired()
    answers = _asked(core, due)
    with core.database.read() as tx:
        planned = _Batch(core, tx, answers).plan(due)
    is_alone = not any(item.rows.cancelled for item in planned)

    def work(tx: Tx) -> tuple[int, _Rows]:
        moved = stored.move(tx, [(item.schedule, item.moved) for item in planned])
        rows = _Rows()
        for item in planned:
            if item.schedule.id in moved:
                rows.add(item.rows)
        for run_id in sorted(rows.cancelled):
            _cancel(core, tx, run_id)
        if rows.runs:
            runs.insert_runs(tx, rows.runs, rows.steps, rows.journal)
        elif rows.journal:
            runs.write_journal(tx, rows.journal)
        return len(moved), rows

    moved, rows = core.database.transact(work, pipelined=is_alone)
    if rows.runs:
        tell(core, rows.ready)
    return Fired(moved, len(rows.runs), is_full=bool(moved) and len(due) >= limit)


def next_due_in_s(core: Core) -> float | None:
    """Return in how many seconds something is due; 0 when it is, None when nothing will be."""
    with core.database.read() as tx:
        outlook = stored.look(tx)
    if outlook.has_freed:
        return 0.0
    return None if outlook.due_in_us is None else max(0.0, outlook.due_in_us / 1_000_000)


def _asked(core: Core, due: Sequence[stored.DueSchedule]) -> Answers:
    """Ask plugins about the runs of due schedules, where one wants to know."""
    if not core.calls.minds_submissions:
        return {}
    requests = [request_of(item.id, item.spec, item.standing.next_at) for item in due]
    answers = plugged.vetted(core, requests)
    return {item.id: answer for item, answer in zip(due, answers, strict=True)}


class _Batch:
    """The plan of one transaction; made without any lock.

    Schedules that want the same differ in ids and times alone: their run is prepared once.
    """

    def __init__(self, core: Core, tx: Tx, answers: Answers) -> None:
        self._core = core
        self._tx = tx
        self._answers = answers
        self._found: submit.Found = {}
        self._patterns: dict[tuple[Any, ...], submit.PreparedRun | RatchetError] = {}

    def plan(self, due: Sequence[stored.DueSchedule]) -> list[_Planned]:
        """Decide upon each schedule and prepare what comes of it."""
        now = schedules.now(self._tx)
        minding = [item.id for item in due if item.spec.overlap is not Overlap.ALLOW]
        live = stored.live_runs(self._tx, minding)
        since = min(_oldest(item, now) for item in due)
        fired = stored.fired_since(self._tx, [item.id for item in due], since)
        return [self._decided(item, now, live.get(item.id, []), fired) for item in due]

    def _decided(
        self,
        schedule: stored.DueSchedule,
        now: datetime,
        live: Sequence[str],
        fired: Collection[tuple[str, datetime]],
    ) -> _Planned:
        spec, standing = schedule.spec, schedule.standing
        rows = _Rows()
        try:
            table = spec.timetable()
        except ValidationFailed as error:
            moved = stored.Moved(next_at=None, last_at=standing.last_at, problem=error.message)
            return _Planned(schedule, moved, rows)
        decision = decide(spec, table, standing, now, is_active=bool(live))
        wanted = [at for at in decision.make if (schedule.id, at) not in fired]
        problem = schedule.problem
        if wanted:
            problem = self._prepare(schedule, wanted, rows)
        if rows.runs and decision.cancel_active:
            rows.cancelled += live
        missed = decision.skipped + (0 if rows.runs else len(wanted))
        if missed:
            why = None if rows.runs or not wanted else problem
            rows.journal.append(schedule_events.missed(schedule.id, spec, now, missed, why))
        next_at = decision.next_at
        if wanted and not rows.runs and next_at is None:
            next_at = table.next_after(now)  # a fire time that made no run uses up none
        moved = stored.Moved(
            next_at=next_at,
            last_at=decision.last_at,
            waiting=decision.waiting,
            last_run_id=rows.runs[-1]["id"] if rows.runs else None,
            problem=problem,
            made=len(rows.runs),
            skipped=decision.skipped,
        )
        return _Planned(schedule, moved, rows)

    def _prepare(
        self, schedule: stored.DueSchedule, times: Sequence[datetime], rows: _Rows
    ) -> str | None:
        """Add the runs of fire times; or tell why there can be none."""
        answer = self._answers.get(schedule.id)
        if isinstance(answer, RatchetError):
            return answer.message
        queue = None if answer is None else answer.queue
        kind = (schedule.made_of, queue)
        pattern = self._patterns.get(kind)
        if pattern is None:
            request = replace(request_of(schedule.id, schedule.spec, times[0]), queue=queue)
            pattern = self._patterns[kind] = self._pattern(request)
        if isinstance(pattern, RatchetError):
            return f"{pattern.message}{_told(pattern)}"
        for at in times:
            self._add_run(pattern, schedule, at, rows)
        return None

    def _pattern(self, request: SubmitRequest) -> submit.PreparedRun | RatchetError:
        try:
            pattern = submit.prepare(self._core, self._tx, request, self._found)
        except RatchetError as error:
            return error
        for row in pattern.steps:
            # what a fire time of the past makes has not been waiting since then
            row["ready_at"] = pattern.run["created_at"]
        return pattern

    def _add_run(
        self,
        pattern: submit.PreparedRun,
        schedule: stored.DueSchedule,
        at: datetime,
        rows: _Rows,
    ) -> None:
        new_id = self._core.new_id
        run_id = new_id()
        run = {
            **pattern.run,
            "id": run_id,
            "schedule_id": schedule.id,
            "scheduled_for": to_us(at),
        }
        rows.runs.append(run)
        rows.steps += [{**row, "id": new_id(), "run_id": run_id} for row in pattern.steps]
        rows.journal += [{**row, "run_id": run_id} for row in pattern.journal]
        at_text = schedule_events.text_of(at)
        rows.journal.append(schedule_events.fired(run, schedule.id, schedule.spec, at_text))
        rows.ready[pattern.queue] += pattern.ready


def _cancel(core: Core, tx: Tx, run_id: str) -> None:
    try:
        cancel_in(core, tx, run_id, BY)
    except (Conflict, RunNotFound):
        return  # it came to its end by itself meanwhile


def _told(error: RatchetError) -> str:
    """Return the details of an error in one line."""
    if not isinstance(error, ValidationFailed) or not error.details:
        return ""
    return ": " + "; ".join(f"{key} {texts[0]}" for key, texts in error.details.items())[:500]


def _oldest(schedule: stored.DueSchedule, now: datetime) -> datetime:
    standing = schedule.standing
    return min(standing.next_at or now, *standing.waiting, now)
