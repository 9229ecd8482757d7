"""The engine: one method per verb, each a sentence and a call.

The doors, the worker and the command line hold an `Engine` and nothing below it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from ratchet_core.domain.schedule import DeclaredSchedule, ScheduleSpec
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.domain.views import RunView, ScheduleView
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine import (
    bulk,
    claim,
    conclude,
    control,
    declared,
    definitions,
    drains,
    expire,
    fire,
    logs,
    pause,
    progress,
    removal,
    rerun,
    schedules,
    submit,
)
from ratchet_core.engine.bulk import BulkDone, BulkLook, BulkRequest
from ratchet_core.engine.core import Core
from ratchet_core.engine.deliver import Deliveries
from ratchet_core.engine.operator import Operator
from ratchet_core.engine.requests import RerunRequest, SubmitRequest, Submitted
from ratchet_core.engine.submit import Stored
from ratchet_core.engine.turn import Turn
from ratchet_core.engine.work import Assignment, Concluded, DrainInfo, Finished, Logged
from ratchet_core.errors import RatchetError
from ratchet_core.store import counts
from ratchet_core.store.reads import Reads
from ratchet_core.store.reads.rows import new_run_view

_FIRST_LOOK_S: Final = 0.001
_LONGEST_LOOK_S: Final = 0.05


class Engine:
    """The verbs over one database."""

    def __init__(self, core: Core, reads: Reads) -> None:
        self._core = core
        self._reads = reads
        self.deliveries = Deliveries(core)  #: brings outputs of runs to their destinations
        self.operator = Operator(core, reads)  #: settles by hand what needs a person

    def submit(self, request: SubmitRequest) -> Submitted:
        """Accept one request: from here on its run is never lost.

        Raises:
            NamespaceNotFound, WorkflowNotFound: no such workflow or version.
            WorkflowDisabled: it takes no new runs.
            ValidationFailed: the input breaks the schema, or an option is out of range.
            IdempotencyConflict: the key was used for another request.
        """
        answer = submit.submit(self._core, [request], atomic=False)[0]
        if isinstance(answer, RatchetError):
            raise answer
        return self._submitted(answer)

    def _submitted(self, answer: Stored) -> Submitted:
        """Return a new run as it was accepted, however far it is by now; a known one as it is."""
        if answer.accepted is not None:
            return Submitted(new_run_view(answer.accepted), created=True)
        return Submitted(self._reads.run(answer.run_id), created=False)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Open a block in which a host's own transaction may submit runs; see `Turn.submit`.

        Begin, commit or roll back that transaction inside the block, and call no other verb of the
        engine there. SQLite: the block holds the lock that all writers queue for, so keep it short.
        """
        turn = Turn(self._core)
        with self._core.database.turn():
            yield turn
        turn.ring()

    def check(self, request: SubmitRequest) -> None:
        """Check a request without accepting it; raises what `submit` would."""
        submit.check(self._core, request)

    def submit_many(
        self, requests: Sequence[SubmitRequest], *, atomic: bool
    ) -> list[Submitted | RatchetError]:
        """Accept many requests in one transaction; each is answered in its place.

        Args:
            requests: at most what one transaction should hold; the doors allow 1,000.
            atomic: one refused request refuses all.

        Raises:
            RatchetError: with `atomic`, the first refusal.
        """
        answers = submit.submit(self._core, requests, atomic=atomic) if requests else []
        return [
            self._submitted(answer) if isinstance(answer, Stored) else answer for answer in answers
        ]

    def submit_fed(
        self, requests: Sequence[SubmitRequest], *, most_ready: int | None
    ) -> list[Stored | RatchetError]:
        """Accept what an input source brings, in one transaction; each is answered in its place.

        Args:
            requests: 1 to 1,000.
            most_ready: a queue in which so many steps wait takes no more; None: any number.

        Raises:
            Overloaded: a queue takes no runs now; nothing is stored then.
        """
        return submit.submit(self._core, requests, atomic=False, most_ready=most_ready)

    def submit_ids(self, requests: Sequence[SubmitRequest]) -> list[str]:
        """Accept requests, all or none, and return only the ids of their runs."""
        answers = submit.submit(self._core, requests, atomic=True)
        return [answer.run_id for answer in answers if isinstance(answer, Stored)]

    def wait(self, run_id: str, timeout_s: float) -> RunView:
        """Return a run once it has come to its end, or as it stands when the time is over.

        Raises:
            RunNotFound: no such run.
        """
        until = time.monotonic() + timeout_s
        pause_s = _FIRST_LOOK_S
        while True:
            state = self._reads.run_state(run_id)
            left_s = until - time.monotonic()
            if state in RUN_TERMINAL or left_s <= 0:
                return self._reads.run(run_id)
            time.sleep(min(pause_s, left_s))
            pause_s = min(_LONGEST_LOOK_S, pause_s * 1.3)

    def cancel(self, run_id: str, by: str) -> RunView:
        """Stop a run; cancelling it again changes nothing.

        Raises:
            RunNotFound: no such run.
            Conflict: it has come to another end already.
        """
        control.cancel(self._core, run_id, by)
        return self._reads.run(run_id)

    def retry(self, run_id: str, by: str, from_step: str | None = None) -> RunView:
        """Set a failed or cancelled run going again; what completed is kept.

        Raises:
            RunNotFound, StepNotFound: no such run, or no such step in it.
            Conflict: it is neither failed nor cancelled.
        """
        control.retry(self._core, run_id, by, from_step)
        return self._reads.run(run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete an ended run with all that belongs to it.

        Raises:
            RunNotFound: no such run.
            Conflict: it has not come to its end.
        """
        removal.delete_run(self._core, run_id)

    def pause(self, run_id: str, by: str) -> RunView:
        """Hold a run: what runs of it ends, nothing else starts; again changes nothing.

        Raises:
            RunNotFound: no such run.
            Conflict: it has come to its end.
        """
        pause.pause_run(self._core, run_id, by)
        return self._reads.run(run_id)

    def resume(self, run_id: str, by: str) -> RunView:
        """Let a paused run go on where it stopped.

        Raises:
            RunNotFound: no such run.
            Conflict: it is not paused, or waits for its workflow.
        """
        pause.resume_run(self._core, run_id, by)
        return self._reads.run(run_id)

    def rerun(self, request: RerunRequest) -> Submitted:
        """Do a run again as a new run with the same input; see `rerun.rerun` for what is refused.

        Raises:
            RunNotFound: no such run.
        """
        answer = rerun.rerun(self._core, self._reads.run(request.run_id), request)
        return self._submitted(answer)

    def expire(self) -> int:
        """Fail the runs that have not ended by their deadline; return how many."""
        return expire.expire(self._core)

    def bulk_look(self, request: BulkRequest) -> BulkLook:
        """Tell what an action on many runs would be done to; changes nothing."""
        return bulk.look(self._reads, request)

    def bulk(self, request: BulkRequest) -> BulkDone:
        """Act on all runs that a filter matches; see `bulk.perform` for what is refused."""
        return bulk.perform(self._core, self._reads, request)

    def pause_queue(self, queue: str, by: str) -> bool:
        """Let nothing be claimed from a queue; False where it was paused before.

        Raises:
            ValidationFailed: no queue can be named so.
        """
        return pause.pause_queue(self._core, queue, by)

    def resume_queue(self, queue: str) -> bool:
        """Let steps be claimed from a queue again; False where it was not paused.

        Raises:
            ValidationFailed: no queue can be named so.
        """
        return pause.resume_queue(self._core, queue)

    def pause_workflow(self, namespace: str, name: str, by: str) -> bool:
        """Hold the runs of a workflow, present and coming; False where it was paused before.

        Raises:
            WorkflowNotFound: no such workflow.
        """
        return pause.pause_workflow(self._core, namespace, name, by)

    def resume_workflow(self, namespace: str, name: str, by: str) -> bool:
        """Let the runs of a workflow go on; False where it was not paused.

        Raises:
            WorkflowNotFound: no such workflow.
        """
        return pause.resume_workflow(self._core, namespace, name, by)

    def finish_resumes(self) -> int:
        """Let runs go on whose workflows were resumed; return how many went on."""
        return pause.finish_resumes(self._core)

    def sync_definitions(
        self,
        found: Sequence[WorkflowDefinition],
        namespaces: Mapping[str, str],
        *,
        on_change: Literal["replace", "refuse"],
    ) -> definitions.SyncReport:
        """Store what was found in files and packages."""
        return definitions.sync(self._core, found, namespaces, on_change=on_change)

    def set_enabled(self, namespace: str, name: str, *, enabled: bool) -> None:
        """Let a workflow take new runs, or refuse them."""
        definitions.set_enabled(self._core, namespace, name, enabled=enabled)

    def delete_workflow(self, namespace: str, name: str, version: str | None = None) -> None:
        """Put a tombstone on a workflow, or on one version of it."""
        definitions.delete(self._core, namespace, name, version)

    def restore_workflow(self, namespace: str, name: str, version: str | None = None) -> None:
        """Take a tombstone away."""
        definitions.restore(self._core, namespace, name, version)

    def create_schedule(self, spec: ScheduleSpec) -> ScheduleView:
        """Store a new schedule; see `schedules.create` for what is refused."""
        return self.create_schedule_once(spec, None)[0]

    def create_schedule_once(
        self, spec: ScheduleSpec, key: schedules.ScheduleKey | None
    ) -> tuple[ScheduleView, bool]:
        """Store a new schedule, or return the one that the key made; True where it is new."""
        schedule_id, created = schedules.create(self._core, spec, key)
        return self._reads.schedules.one(schedule_id), created

    def update_schedule(self, schedule_id: str, changes: Mapping[str, Any]) -> ScheduleView:
        """Change fields of a `ScheduleSpec`; nothing is changed where one is refused."""
        schedules.update(self._core, schedule_id, changes)
        return self._reads.schedules.one(schedule_id)

    def delete_schedule(self, schedule_id: str) -> None:
        """Delete a schedule; its runs stay."""
        schedules.delete(self._core, schedule_id)

    def trigger_schedule(self, schedule_id: str, by: str) -> RunView:
        """Make one run of a schedule now, whatever its times say."""
        return self._reads.run(schedules.trigger(self._core, schedule_id, by))

    def sync_schedules(
        self,
        found: Sequence[DeclaredSchedule],
        covered: Collection[tuple[str, str]],
        *,
        replace_changed: bool,
    ) -> declared.ScheduleSync:
        """Store the schedules that files declare."""
        return declared.sync(self._core, found, covered, replace_changed=replace_changed)

    def fire_due(self, limit: int = fire.BATCH) -> fire.Fired:
        """Make the runs of fire times that have come, in one transaction."""
        return fire.fire_due(self._core, limit)

    def next_fire_in_s(self) -> float | None:
        """Return in how many seconds the next fire time comes; None while none will."""
        return fire.next_due_in_s(self._core)

    def open_drain(self, info: DrainInfo) -> None:
        """Store a drain with its first lease."""
        drains.open_drain(self._core, info)

    def renew_drain(self, drain_id: str) -> bool:
        """Extend a drain's lease; False when it has run out."""
        return drains.renew_drain(self._core, drain_id)

    def close_drain(self, drain_id: str) -> None:
        """End a drain; what it still holds goes back, uncounted."""
        drains.close_drain(self._core, drain_id)

    def release_held(self, drain_id: str) -> None:
        """Return whatever a drain holds that has not started."""
        drains.release_held(self._core, drain_id)

    def claim(self, drain_id: str, queues: Sequence[str], limit: int) -> list[Assignment]:
        """Claim up to `limit` ready steps for a drain, in queue order."""
        return claim.claim(self._core, drain_id, queues, limit)

    def still_mine(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
        """Return the ids of those (step id, token) that the drain still holds."""
        return drains.still_mine(self._core, drain_id, claims)

    def may_start(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
        """Return the ids of those (step id, token) that the drain may start now."""
        return drains.may_start(self._core, drain_id, claims)

    def note_start(
        self, drain_id: str, assignment: Assignment, attempt_id: str, age_us: int
    ) -> bool:
        """Store the start of a step; False when it is not held any more."""
        return drains.note_start(self._core, drain_id, assignment, attempt_id, age_us)

    def conclude(
        self, drain_id: str, finished: Sequence[Finished], *, claim_next: bool = True
    ) -> Concluded:
        """Apply the ends of attempts in one transaction and claim what follows."""
        return conclude.conclude(self._core, drain_id, finished, claim_next=claim_next)

    def store_logs(self, logged: Sequence[Logged], now_s: float) -> None:
        """Store lines that attempts have logged; `now_s` is the process's monotonic clock."""
        logs.store(self._core, logged, now_s)

    def give_back(self, drain_id: str, assignments: Sequence[Assignment]) -> None:
        """Return unstarted claims to their queue, uncounted."""
        drains.give_back(self._core, drain_id, assignments)

    def report_progress(
        self,
        drain_id: str,
        assignment: Assignment,
        fraction: float,
        message: str | None,
        data: Any,
    ) -> bool:
        """Store how far a held step is, 0 to 1; False when it is not held any more."""
        return progress.report_progress(self._core, assignment, fraction, message, data)

    def release_dead(
        self,
        drain_id: str,
        marked: tuple[str, int] | None,
        reason: str,
        timed_out: float | None = None,
    ) -> Mapping[str, int]:
        """Take over from a drain whose process is dead; return queue to ready steps."""
        return drains.release_dead(self._core, drain_id, marked, reason, timed_out)

    def has_ready(self, queues: Sequence[str]) -> bool:
        """Tell whether any step can be claimed; wakes those whose back-off has ended."""
        return claim.has_ready(self._core, queues)

    def next_ready_in_s(self, queues: Sequence[str]) -> float | None:
        """Return in how many seconds the next back-off ends; None without any."""
        return claim.next_ready_in_s(self._core)

    def ready_count(self, queues: Sequence[str]) -> int:
        """Count the steps that wait in the queues."""
        return claim.ready_count(self._core, queues)

    def reap(self) -> Mapping[str, int]:
        """Take over from drains whose lease has run out; return queue to ready steps."""
        return drains.reap(self._core)

    def fold_totals(self) -> int:
        """Put slots of the kept totals together; return how many went."""
        if self._core.database.dialect == "sqlite":  # where each has one
            return 0
        return self._core.database.transact(counts.fold)
