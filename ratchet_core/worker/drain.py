"""The drain: claims ready steps, runs them, stores their ends, and lingers for more.

One drain runs in one process. It decides nothing about runs and steps; it keeps the order
claim, look, mark, run, conclude (architecture.md sections 3 and 4), and how much to take at once
is `pace`'s affair. What a slow step needs is the flusher's.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ratchet_core.engine.execute import LiveAttempt
from ratchet_core.engine.work import Assignment, DrainInfo
from ratchet_core.worker.flusher import Flusher
from ratchet_core.worker.held import EndedStep, Held, LeaseLost, RunningStep
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.pace import Budget, Pace
from ratchet_core.worker.verbs import Bell, CallsHandlers, DrainEngine
from ratchet_core.worker.writer import Writer

#: Results of short steps wait this long for others to share a transaction with.
GROUP_COMMIT_S: Final = 0.008
#: Most results that share one, so that it holds SQLite's write lock for about 5 ms at most.
GROUP_SIZE: Final = 100
#: The answer that claims are still valid is trusted this long.
TRUST_S: Final = 0.002
#: Longest sleep on the doorbell; also how often a drain looks whether it is to end.
LINGER_S: Final = 1.0

_log = logging.getLogger(__name__)


class Ending(StrEnum):
    """Why a drain ended."""

    ASKED = "asked"  #: SIGTERM, or the parent is gone
    SUSPENDED = "suspended"  #: its host asked it to make room
    RECYCLED = "recycled"  #: age, number of steps or memory
    DRAINED = "drained"  #: nothing was ready, and it was to end then
    LEASE_LOST = "lease lost"  #: others took over what it held


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOptions:
    """How a drain behaves."""

    lease_s: float = 30.0  #: how long others wait before they take over
    heartbeat_s: float = 5.0  #: between two renewals of the lease
    grace_s: float = 5.0  #: between asking a step to end and killing it
    max_batch: int = 300  #: most steps per claim
    burst: bool = False  #: end when nothing is ready
    look_s: float = LINGER_S  #: how often to ask for a reason to end; also the longest sleep


class Drain:
    """Works through queues until it is asked to end.

    Args:
        info: who it is and which queues it serves.
        engine: the verbs.
        executor: calls step handlers.
        bell: wakes it, and others by it.
        mark: shared with the parent.
        new_id: makes ids of attempts.
        options: how it behaves.
        ends_when: asked about once a second, and before each claim; a reason ends the drain.
    """

    def __init__(  # noqa: PLR0913 - the parts of a drain are handed in
        self,
        info: DrainInfo,
        engine: DrainEngine,
        executor: CallsHandlers,
        bell: Bell,
        *,
        mark: Mark,
        new_id: Callable[[], str],
        options: DrainOptions,
        ends_when: Callable[[int], Ending | None] = lambda _steps: None,
    ) -> None:
        self._info = info
        self._engine = engine
        self._executor = executor
        self._bell = bell
        self._mark = mark
        self._new_id = new_id
        self._options = options
        self._ends_when = ends_when
        self._held = Held()
        self._pace = Pace(options.max_batch)
        self._writer = Writer(engine, self._held, info.id, options.lease_s)
        self._flusher = Flusher(
            engine,
            self._held,
            self._writer,
            mark,
            info.id,
            heartbeat_s=options.heartbeat_s,
            grace_s=options.grace_s,
        )
        self._budget = Budget(0.0)
        self._trusted: frozenset[str] = frozenset()
        self._trusted_until = 0.0
        self._asked = False
        self._asked_at = 0.0
        self._ending: Ending | None = None
        self.steps = 0  #: steps that it has run

    def ask_to_end(self) -> None:
        """Claim no more, finish the step that runs, give the rest back; safe in a handler."""
        self._asked = True

    def run(self) -> Ending:
        """Work until there is a reason to end; what is held then goes back uncounted."""
        self._mark.enter(self._info.id)
        try:
            self._writer.patient(lambda: self._engine.open_drain(self._info))
        except LeaseLost:
            return Ending.LEASE_LOST
        self._flusher.start()
        try:
            ending = self._work()
        except LeaseLost:
            _log.warning("drain %s lost its lease; what it held is others'", self._info.id)
            ending = Ending.LEASE_LOST
        finally:
            self._leave()
        return ending

    def _leave(self) -> None:
        self._flusher.end()
        self._bell.leave(self._info.id, self._info.queues)
        try:
            self._writer.flush(claim_next=False)
            self._writer.give_back()
            self._writer.patient(lambda: self._engine.close_drain(self._info.id))
        except LeaseLost:
            pass

    def _work(self) -> Ending:
        while True:
            ending = self._reason_to_end()
            if ending is not None:
                return ending
            batch = self._claim()
            if batch:
                self._work_through(batch)
            elif self._options.burst and not self._engine.has_ready(self._info.queues):
                return Ending.DRAINED
            else:
                self._linger()

    def _reason_to_end(self) -> Ending | None:
        """Return why to end now; what costs a look outside is asked once a second."""
        if self._held.is_lost:
            raise LeaseLost(self._info.id)
        if self._asked:
            return Ending.ASKED
        now = time.monotonic()
        if self._ending is None and now >= self._asked_at:
            self._asked_at = now + self._options.look_s
            self._ending = self._ends_when(self.steps)
        return self._ending

    # ── claiming ────────────────────────────────────────────────────────────────────────────────

    def _claim(self) -> Sequence[Assignment]:
        limit = self._pace.batch()
        batch = self._claimed(limit)
        while not batch and self._writer.is_in_doubt:  # what there was may be ours unknown to us
            batch = self._claimed(limit)
        self._pace.claimed(assignment.handler for assignment in batch)
        now = time.monotonic()
        self._budget = Budget(now)
        self._trust(batch, now)
        if len(batch) == limit:
            self._bell.ring(batch[0].workflow.queue)
        return batch

    def _claimed(self, limit: int) -> Sequence[Assignment]:
        """Claim with empty hands; whatever is held by then is not known, and goes back first."""
        if self._writer.is_in_doubt:
            self._writer.release_unknown()
        return self._writer.patient(
            lambda: self._engine.claim(self._info.id, self._info.queues, limit)
        )

    def _linger(self) -> None:
        """Sleep on the doorbell until there is something to claim, or a reason to end."""
        while self._reason_to_end() is None:
            due_in_s = self._writer.patient(lambda: self._engine.next_ready_in_s(self._info.queues))
            wait_s = self._options.look_s
            if due_in_s is not None:
                wait_s = min(wait_s, max(0.0, due_in_s))
            if self._bell.wait(self._info.id, self._info.queues, wait_s):
                return
            if self._writer.patient(lambda: self._engine.has_ready(self._info.queues)):
                return

    # ── working ─────────────────────────────────────────────────────────────────────────────────

    def _work_through(self, batch: Sequence[Assignment]) -> None:
        self._held.unstarted.extend(batch)
        self._flusher.work_begins()
        try:
            while self._held.unstarted or self._held.ended:
                if self._held.is_lost:
                    raise LeaseLost(self._info.id)
                assignment = self._next()
                if assignment is not None:
                    self._run_step(assignment)
                if not self._held.unstarted or self._is_commit_due():
                    self._conclude()
                if self._budget.is_overdrawn or self._reason_to_end() is not None:
                    self._writer.give_back()
        finally:
            self._flusher.work_rests()

    def _next(self) -> Assignment | None:
        """Take the next claim that may start; those before it go back, if they are still ours."""
        passed_over: list[Assignment] = []
        try:
            while True:
                is_old = time.monotonic() > self._trusted_until
                if is_old or self._held.unstarted[0].step_id not in self._trusted:
                    self._look()
                assignment = self._held.unstarted.popleft()
                if assignment.step_id in self._trusted:
                    return assignment
                passed_over.append(assignment)
        except IndexError:  # none is left, or the flusher gave the rest back meanwhile
            return None
        finally:
            self._writer.return_claims(passed_over)

    def _look(self) -> None:
        """Ask which of the claims that come next may start, in one query."""
        count = max(1, min(50, int(TRUST_S / max(self._pace.mean_s(), 1e-6))))
        coming = list(itertools.islice(self._held.unstarted.copy(), count))
        if not coming:
            return
        claims = [(assignment.step_id, assignment.token) for assignment in coming]
        mine = self._writer.patient(lambda: self._engine.may_start(self._info.id, claims))
        self._trusted = frozenset(mine)
        self._trusted_until = time.monotonic() + TRUST_S

    def _trust(self, batch: Sequence[Assignment], now: float) -> None:
        """What was claimed a moment ago needs no look."""
        self._trusted = frozenset(assignment.step_id for assignment in batch)
        self._trusted_until = now + TRUST_S

    def _run_step(self, assignment: Assignment) -> None:
        is_immediate = assignment.step.commit == "immediate"
        if is_immediate:
            self._conclude()  # nothing may wait behind a step that is stored at once
        started = time.monotonic()
        deadline = started + self._executor.timeout_s(assignment)
        live = LiveAttempt(attempt_id=self._new_id(), deadline=deadline)
        sequence = self._mark.start(assignment.step_id, assignment.token, started, deadline)
        running = RunningStep(assignment, live, started, sequence)
        if is_immediate and not self._writer.note_start(running):
            self._mark.clear()
            return
        with self._held.writing:  # no step starts while the flusher is in a transaction
            self._held.running = running
        executed = self._executor.execute(assignment, live)
        self._held.running = None
        self._mark.clear()
        self._held.ended.append(EndedStep(assignment, live.attempt_id, executed, started))
        self._note(assignment, executed.duration_us / 1e6)
        if is_immediate:
            self._conclude()

    def _note(self, assignment: Assignment, duration_s: float) -> None:
        self.steps += 1
        self._budget.worked_s += duration_s
        self._pace.note(assignment.handler, duration_s)

    def _is_commit_due(self) -> bool:
        if len(self._held.ended) >= GROUP_SIZE:
            return True
        try:
            return time.monotonic() - self._held.ended[0].started >= GROUP_COMMIT_S
        except IndexError:
            return False

    def _conclude(self) -> None:
        """Store what has ended; children of the same runs come back as the next claims."""
        now = time.monotonic()
        keeps_own = self._budget.allows_own(now) and not self._asked and self._ending is None
        concluded = self._writer.flush(claim_next=keeps_own)
        if concluded.next:
            self._budget.own_steps += len(concluded.next)
            self._held.unstarted.extend(concluded.next)
            if len(self._held.unstarted) == len(concluded.next):
                self._trust(concluded.next, time.monotonic())
