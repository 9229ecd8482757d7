"""Conclude: the one door through which every attempt ends.

One transaction: check the fencing token, record the attempts, move the steps, free the children,
move the runs, write the journal, and claim each run's next step for the same drain. Ends of
several steps of one run are applied together under one lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ratchet_core.domain.events import STEP_EVENTS, EventName
from ratchet_core.domain.outcome import Completed, Failed, FailureKind
from ratchet_core.domain.plan import (
    StepDecision,
    decide_step,
    free_children,
    unknown_outcome,
)
from ratchet_core.domain.retry import RetryPolicy
from ratchet_core.domain.states import (
    RUN_TERMINAL,
    STEP_SATISFIED,
    AttemptState,
    RunState,
    StepSignal,
    StepState,
    advance_step,
)
from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.engine.claim import parents_results
from ratchet_core.engine.core import Core
from ratchet_core.engine.output import checked_outcome
from ratchet_core.engine.plugged import decided
from ratchet_core.engine.run_work import RunWork, move_run
from ratchet_core.engine.submit import SKIPPED_RESULT
from ratchet_core.engine.work import Assignment, Concluded, Finished
from ratchet_core.store import counts, frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Written, write_all
from ratchet_core.store.runs import ADD_JOURNAL, entry

Row = dict[str, Any]


def conclude(
    core: Core, drain_id: str, finished: Sequence[Finished], *, claim_next: bool = True
) -> Concluded:
    """Apply the ends of attempts.

    Args:
        core: the shared parts.
        drain_id: the drain that held the steps.
        finished: ends, at most one per step.
        claim_next: give one freed child of each run to the same drain.

    Returns:
        The claimed children, the queues in which other steps became ready, and how many ends
        came too late.
    """
    if not finished:
        return Concluded()
    checked = decided(core, [checked_outcome(core, item) for item in finished])
    # a run's end must survive a power cut; a step between may be repeated
    durable = any(_may_end_run(item.assignment) for item in checked)

    def work(tx: Tx) -> _Conclusion:
        conclusion = _Conclusion(core, tx, drain_id, claim_next=claim_next)
        conclusion.apply(checked)
        return conclusion

    done = core.database.transact(work, durable=durable, polite=True, pipelined=True)
    done.check_written()
    concluded = done.concluded()
    if concluded.ready:
        core.ring(concluded.ready)
    core.notify(ended=done.has_ended_runs)
    return concluded


def _may_end_run(assignment: Assignment) -> bool:
    step = assignment.step
    return not assignment.workflow.children[step.name] or step.commit == "immediate"


def policy_of(step: StepDefinition) -> RetryPolicy:
    """Return what a step's definition allows."""
    return RetryPolicy(
        retryable=step.retryable,
        attempt_limit=step.attempt_limit,
        backoff=step.backoff,
        repeatable=step.commit != "immediate",
    )


class _Conclusion:
    """The rows of one conclude, gathered first and then written noun by noun."""

    def __init__(self, core: Core, tx: Tx, drain_id: str, *, claim_next: bool) -> None:
        self.core, self.tx, self.drain_id, self.claim_next = core, tx, drain_id, claim_next
        self.now = 0
        self.runs: dict[str, RunWork] = {}
        self.ends: list[Row] = []
        self.freed: list[Row] = []
        self.new_attempts: list[Row] = []
        self.ended_attempts: list[Row] = []
        self.moved_runs: list[Row] = []
        self.kept_runs: list[Row] = []
        self.entries: list[Row] = []
        self.next_steps: list[frames.StepFrame] = []
        self.next: list[Assignment] = []
        self.ready: dict[str, int] = {}
        self.stale = 0
        self.written = Written((), tuple)

    def apply(self, finished: Sequence[Finished]) -> None:
        """Decide and write everything."""
        look = self._look(finished)
        for item in finished:
            self._end(item, look.steps.get(item.assignment.step_id))
        self._free_children(look.waiting)
        for run in self.runs.values():
            self._move_run(run)
        self._write()
        self._assign_next()

    @property
    def has_ended_runs(self) -> bool:
        """Whether a run has come to its end."""
        return any(row["completed_at"] is not None for row in self.moved_runs)

    def concluded(self) -> Concluded:
        """Return what followed."""
        return Concluded(tuple(self.next), self.ready, self.stale)

    def _look(self, finished: Sequence[Finished]) -> frames.Look:
        assignments = [item.assignment for item in finished]
        places = [
            (item.run_id, item.workflow.positions[child])
            for item in assignments
            for child in item.workflow.children[item.step.name]
        ]
        run_ids = {item.run_id for item in assignments}
        look = frames.look(self.tx, run_ids, [item.step_id for item in assignments], places)
        self.now = look.now_us
        for item in assignments:
            frame = look.runs.get(item.run_id)
            if frame is not None and frame.id not in self.runs:
                self.runs[frame.id] = RunWork(frame, item.workflow, frame.counters, item.run_input)
        return look

    def _end(self, item: Finished, step: frames.StepFrame | None) -> None:
        assignment = item.assignment
        run = self.runs.get(assignment.run_id)
        if run is None or step is None or not self._is_mine(assignment, run, step):
            if step is None or not _is_applied(item, step):
                self._note_stale(item)
            return
        decision = self._decide(assignment, item, step)
        state = advance_step(step.state, decision.signal)
        kept = _kept_state(run, state)
        run.counters = run.counters.moved(step.state, kept)
        noted = step.state is StepState.RUNNING
        number = step.attempts if noted else step.attempts + 1
        error = _error_document(item, decision, number)
        row = self._step_row(item, step, decision, state, number, error)
        row["state"] = kept.value
        self.ends.append(row)
        self._add_attempt(item, run, number, error, noted=step.attempt_id if noted else None)
        self._add_entries(item, state, decision, number, error)
        if state in STEP_SATISFIED:
            run.satisfied.append(step.name)
            run.results[step.name] = _result_text(item, state) or "null"
        elif state is StepState.FAILED:
            run.error = {**(error or {}), "step": step.name, "attempt": number}
        elif state is StepState.BACKOFF:
            run.retries += 1

    def _is_mine(self, assignment: Assignment, run: RunWork, step: frames.StepFrame) -> bool:
        return (
            step.token == assignment.token
            and step.drain_id == self.drain_id
            and step.state in (StepState.CLAIMED, StepState.RUNNING)
            and run.frame.state not in RUN_TERMINAL
        )

    def _decide(
        self, assignment: Assignment, item: Finished, step: frames.StepFrame
    ) -> StepDecision:
        definition = assignment.step
        return decide_step(
            policy_of(definition),
            item.outcome,
            failures=step.failures,
            losses=step.losses,
            skippable=definition.skippable,
            random=self.core.random(),
            chosen=item.decision,
        )

    def _step_row(
        self,
        item: Finished,
        step: frames.StepFrame,
        decision: StepDecision,
        state: StepState,
        number: int,
        error: Row | None,
    ) -> Row:
        failed = isinstance(item.outcome, Failed)
        killed = isinstance(item.outcome, Failed) and item.outcome.kind is not FailureKind.ERROR
        backoff = state is StepState.BACKOFF
        return {
            "id": step.id,
            "token": step.token,
            "state": state.value,
            "result": _result_text(item, state),
            "error": None if error is None else _dumps({**error, "attempt": number}),
            "attempts": number,
            "failures": step.failures + (failed and decision.counts),
            "losses": step.losses + (failed and not decision.counts),
            "attempt_id": step.attempt_id if step.state is StepState.RUNNING else item.attempt_id,
            "progress": 1.0 if state in STEP_SATISFIED else 0.0,
            "ready_at": self.now + round(decision.delay_s * 1_000_000) if backoff else None,
            "alone": step.alone or killed,
            "started_at": self.now - item.age_us,
            "completed_at": None if backoff else self.now,
        }

    def _add_attempt(
        self, item: Finished, run: RunWork, number: int, error: Row | None, *, noted: str | None
    ) -> None:
        completed = isinstance(item.outcome, Completed)
        row = {
            "id": noted or item.attempt_id,
            "state": (AttemptState.COMPLETED if completed else AttemptState.FAILED).value,
            "error": None if error is None else _dumps(error),
            "completed_at": self.now,
            "duration_us": item.duration_us,
        }
        if noted is not None:
            self.ended_attempts.append(row)
            return
        started_at = self.now - item.age_us
        run.started_at = min(started_at, run.started_at or started_at)
        row |= {
            "step_id": item.assignment.step_id,
            "run_id": run.frame.id,
            "namespace": run.frame.namespace,
            "name": run.frame.name,
            "version": run.frame.version,
            "step": item.assignment.step.name,
            "number": number,
            "drain_id": self.drain_id,
            "started_at": started_at,
        }
        self.new_attempts.append(row)

    def _add_entries(
        self,
        item: Finished,
        state: StepState,
        decision: StepDecision,
        number: int,
        error: Row | None,
    ) -> None:
        data: Row = {"attempt": number, "duration_us": item.duration_us}
        if error is not None:
            data["error"] = error
        if state is StepState.BACKOFF:
            data["delay_s"] = round(decision.delay_s, 3)
        run_id, name = item.assignment.run_id, item.assignment.step.name
        self._entry(run_id, name, STEP_EVENTS[state], data)
        if state is StepState.COMPLETED:
            for event, payload in item.events:
                self._entry(run_id, name, event, dict(payload))

    def _note_stale(self, item: Finished) -> None:
        self.stale += 1
        assignment = item.assignment
        data = {"attempt_id": item.attempt_id, "token": assignment.token}
        self._entry(assignment.run_id, assignment.step.name, EventName.ATTEMPT_STALE, data)

    def _entry(self, run_id: str, step: str | None, name: str, data: Row) -> None:
        self.entries.append(entry(run_id, step, name, self.now, data))

    def _free_children(self, waiting: dict[tuple[str, int], frames.StepFrame]) -> None:
        by_run: dict[str, dict[str, frames.StepFrame]] = {}
        for (run_id, _), step in waiting.items():
            by_run.setdefault(run_id, {})[step.name] = step
        for run_id, steps in by_run.items():
            if self.runs[run_id].satisfied:
                self._free_in(self.runs[run_id], steps)

    def _free_in(self, run: RunWork, waiting: dict[str, frames.StepFrame]) -> None:
        pending = {name: step.pending_parents for name, step in waiting.items()}
        left = free_children(run.workflow, run.satisfied, pending)
        is_paused = run.frame.state is RunState.PAUSED
        taken = is_paused or not self.claim_next
        for name, step in sorted(waiting.items(), key=lambda pair: pair[1].position):
            if left[name] == pending[name]:
                continue
            state = StepState.PENDING
            mine = False
            if left[name] <= 0:
                mine = not taken and not step.alone
                taken = taken or mine
                state = StepState.CLAIMED if mine else _kept_state(run, StepState.READY)
                run.counters = run.counters.moved(StepState.PENDING, StepState.READY)
                if mine:
                    self.next_steps.append(step)
                elif not is_paused:
                    self.ready[step.queue] = self.ready.get(step.queue, 0) + 1
            self.freed.append(
                {
                    "id": step.id,
                    "state": state.value,
                    "pending_parents": left[name],
                    "ready_at": self.now,
                    "drain_id": self.drain_id if mine else None,
                    "token_step": int(mine),
                }
            )

    def _move_run(self, run: RunWork) -> None:
        if run.frame.state in RUN_TERMINAL:
            return
        move = move_run(self.core, self.tx, run, self.now)
        row = move.row
        (self.kept_runs if row["state"] == row["from_state"] else self.moved_runs).append(row)
        self.entries += move.entries

    def _write(self) -> None:
        self.written = write_all(
            self.tx,
            [
                (transitions.END_STEPS, self.ends),
                (transitions.FREE_STEPS, self.freed),
                (transitions.MOVE_RUNS, self.moved_runs),
                (transitions.KEEP_RUNS, self.kept_runs),
                (transitions.ADD_ATTEMPTS, self.new_attempts),
                (transitions.END_ATTEMPTS, self.ended_attempts),
                (ADD_JOURNAL, self.entries),
            ],
        )
        if self.core.database.dialect == "sqlite":
            self._count()
            self.check_written()  # while it can still be rolled back

    def _count(self) -> None:
        counts.count_new(self.tx, counts.ATTEMPTS, self.new_attempts)
        moves = []
        for row in self.moved_runs:
            frame = self.runs[row["id"]].frame
            key = (frame.namespace, frame.name, frame.version, frame.queue_priority)
            moves.append((key, row["from_state"], row["state"]))
        counts.count_moves(self.tx, moves)

    def check_written(self) -> None:
        """Make sure that every guarded write met its row: the locks must have held.

        Raises:
            AssertionError: a state was written past the locks; that is a bug of ours.
        """
        expected = (
            self.ends,
            self.freed,
            self.moved_runs,
            self.kept_runs,
            self.new_attempts,
            self.ended_attempts,
        )
        for rows, met in zip(expected, self.written.counts(), strict=False):
            if len(rows) != met:
                message = f"conclude met {met} rows instead of {len(rows)} under its locks"
                raise AssertionError(message)

    def _assign_next(self) -> None:
        if not self.next_steps:
            return
        of_run = {run_id: run.workflow for run_id, run in self.runs.items()}
        at_hand = {step.id: self._at_hand(step) for step in self.next_steps}
        places = [
            (step.run_id, step.position) for step in self.next_steps if at_hand[step.id] is None
        ]
        results = parents_results(self.tx, places, of_run)
        for step in self.next_steps:
            run = self.runs[step.run_id]
            self.next.append(
                Assignment(
                    step_id=step.id,
                    run_id=step.run_id,
                    token=step.token + 1,
                    position=step.position,
                    workflow=run.workflow,
                    attempt=step.attempts + 1,
                    failures=step.failures,
                    losses=step.losses,
                    priority=run.frame.queue_priority,
                    alone=step.alone,
                    input=run.run_input if step.input is None else step.input,
                    run_input=run.run_input,
                    results=at_hand[step.id] or results.get((step.run_id, step.position), {}),
                    changes=step.changes,
                )
            )

    def _at_hand(self, step: frames.StepFrame) -> dict[str, str] | None:
        """Return the parents' results when this conclude has seen them all."""
        run = self.runs[step.run_id]
        parents = run.workflow.steps[step.position].depends_on
        if all(name in run.results for name in parents):
            return {name: run.results[name] for name in parents}
        return None


def _is_applied(item: Finished, step: frames.StepFrame) -> bool:
    """Tell whether this very end is stored: the answer to it was lost on its way."""
    held = (StepState.CLAIMED, StepState.RUNNING)
    is_same = step.attempt_id == item.attempt_id and step.token == item.assignment.token
    return is_same and step.state not in held


def _kept_state(run: RunWork, state: StepState) -> StepState:
    """Return the state that a step is stored in: nothing of a paused run waits to be claimed."""
    if run.frame.state is RunState.PAUSED and state in (StepState.READY, StepState.BACKOFF):
        return advance_step(state, StepSignal.PAUSE)
    return state


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _result_text(item: Finished, state: StepState) -> str | None:
    if state is StepState.SKIPPED:
        return SKIPPED_RESULT
    return item.outcome.result if isinstance(item.outcome, Completed) else None


def _error_document(item: Finished, decision: StepDecision, number: int) -> Row | None:
    outcome = item.outcome
    if isinstance(outcome, Completed):
        return None
    immediate = item.assignment.step.commit == "immediate"
    if (
        immediate
        and outcome.kind is FailureKind.LOST
        and decision.signal is not StepSignal.BACK_OFF
        and number == item.assignment.attempt
    ):
        outcome = unknown_outcome(outcome)
    document: Row = {
        "type": outcome.error_type,
        "code": outcome.code,
        "message": outcome.message,
    }
    if outcome.details:
        document["details"] = dict(outcome.details)
    return document
