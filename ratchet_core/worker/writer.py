"""Storing what a drain has in hands, with patience for a database that is away for a moment.

Used by both threads of a drain, one transaction at a time. One end that cannot be stored fails
its own step and no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from ratchet_core.domain.outcome import Failed
from ratchet_core.engine.work import Assignment, Concluded, Finished, Logged
from ratchet_core.errors import Unavailable
from ratchet_core.worker.held import Held, LeaseLost, RunningStep
from ratchet_core.worker.verbs import DrainEngine

Answer = TypeVar("Answer")

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0

_log = logging.getLogger(__name__)


class Writer:
    """Stores ends and gives claims back, for one drain."""

    def __init__(self, engine: DrainEngine, held: Held, drain_id: str, lease_s: float) -> None:
        self._engine = engine
        self._held = held
        self._drain_id = drain_id
        self._lease_s = lease_s
        self._renewed_at = time.monotonic()
        #: An answer was lost: the drain may hold claims that it does not know of.
        self.is_in_doubt = False

    def renew(self) -> None:
        """Extend the lease, or notice that it is lost."""
        if not self.patient(lambda: self._engine.renew_drain(self._drain_id)):
            self._held.is_lost = True
        self._renewed_at = time.monotonic()

    def patient(self, work: Callable[[], Answer]) -> Answer:
        """Do `work`; while the database is away try again, as long as the lease may last.

        Raises:
            LeaseLost: the lease was lost, or must have been by now.
        """
        pause_s = _FIRST_PAUSE_S
        while not self._held.is_lost:
            try:
                return work()
            except Unavailable as error:
                self.is_in_doubt = True
                _log.warning("drain %s: %s", self._drain_id, error.message)
                if time.monotonic() - self._renewed_at > self._lease_s:
                    self._held.is_lost = True
            time.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
        raise LeaseLost(self._drain_id)

    def flush(self, *, claim_next: bool) -> Concluded:
        """Store all ends in one transaction; the engine rings for what became ready."""
        with self._held.writing:
            ended = self._held.take_ended()
            if not ended:
                return Concluded()
            # before their ends, so that whoever sees an end sees its log too
            self.store_logs([end.logged() for end in ended if end.executed.logs])
            now = time.monotonic()
            return self._conclude([end.finished(now) for end in ended], claim_next)

    def store_logs(self, logged: Sequence[Logged]) -> None:
        """Store lines of logs; what the database refuses is lost and fails no step."""
        if not logged:
            return
        try:
            self.patient(lambda: self._engine.store_logs(logged, time.monotonic()))
        except LeaseLost:
            raise
        except Exception:  # noqa: BLE001 - a line must not cost its step the result
            _log.exception("drain %s: lines of logs could not be stored", self._drain_id)

    def release_unknown(self) -> None:
        """Give back what the drain holds without knowing; it must have nothing in hands."""
        self.patient(lambda: self._engine.release_held(self._drain_id))
        self.is_in_doubt = False

    def give_back(self) -> None:
        """Make the claims that did not start ready again, uncounted."""
        with self._held.writing:
            self.return_claims(self._held.take_unstarted())

    def return_claims(self, claims: Sequence[Assignment]) -> None:
        """Give claims back; those that are others' by now stay theirs."""
        if claims:
            with self._held.writing:
                self.patient(lambda: self._engine.give_back(self._drain_id, claims))

    def note_start(self, running: RunningStep) -> bool:
        """Store the start of the step that runs; False: it is not this drain's any more."""
        age_us = int((time.monotonic() - running.started) * 1e6)
        stored = self.patient(
            lambda: self._engine.note_start(
                self._drain_id, running.assignment, running.live.attempt_id, age_us
            )
        )
        running.start_stored = True
        return stored

    def _conclude(self, finished: Sequence[Finished], claim_next: bool) -> Concluded:  # noqa: FBT001
        try:
            return self.patient(
                lambda: self._engine.conclude(self._drain_id, finished, claim_next=claim_next)
            )
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must fail one step only
            if len(finished) > 1:
                return _joined([self._conclude([one], claim_next) for one in finished])
            return self._conclude_unstorable(finished[0], error)

    def _conclude_unstorable(self, finished: Finished, error: Exception) -> Concluded:
        """End an attempt whose own end the database refused: its step fails, no other."""
        step = finished.assignment
        _log.error(
            "step %s of run %s: its end is refused", step.step_id, step.run_id, exc_info=error
        )
        failed = Failed(
            error_type="InternalError",
            code="RESULT_NOT_STORED",
            message=f"the result could not be stored ({type(error).__name__})",
        )
        instead = replace(finished, outcome=failed, events=())
        return self.patient(lambda: self._engine.conclude(self._drain_id, [instead]))


def _joined(parts: Sequence[Concluded]) -> Concluded:
    ready: dict[str, int] = {}
    for part in parts:
        for queue, count in part.ready.items():
            ready[queue] = ready.get(queue, 0) + count
    return Concluded(
        next=tuple(assignment for part in parts for assignment in part.next),
        ready=ready,
        stale=sum(part.stale for part in parts),
    )
