"""The parent's look at one work-horse: its deadline, its silence, and what it held when it died.

The parent never runs user code, so it can act when the horse cannot: a loop in C holds the
interpreter, and then neither signals nor the flusher of the horse run.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ratchet_core.worker.chore import Chore, Owner
from ratchet_core.worker.mark import Mark, StartedStep
from ratchet_core.worker.process import describe, holds_lock, is_stopped, kill_group

#: A horse that did not beat for this long cannot look after itself.
SILENT_S: Final = 2.5
#: For a silent horse the parent looks this often whether its step was cancelled.
_LOOK_S: Final = 1.0
#: What the look answers when the claim, or the lease, is gone.
_GONE: Final = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Times that a parent goes by."""

    grace_s: float = 5.0  #: between a step's deadline and its death
    lease_s: float = 30.0  #: how long others wait before they take over
    heartbeat_s: float = 5.0  #: between two renewals of the lease
    lock_path: Path | None = None  #: SQLite's one write lock: no silent horse may keep it


class Watch:
    """Looks after one horse from its fork to the release of what it held.

    Args:
        runtime: the parent's.
        mark: shared with the horse; made before the fork.
        pid: of the horse, the leader of its process group.
        options: times.
    """

    def __init__(self, runtime: Owner, mark: Mark, pid: int, options: WatchOptions) -> None:
        self._runtime = runtime
        self._mark = mark
        self._pid = pid
        self._options = options
        self._forked_at = time.monotonic()
        self._killed: StartedStep | None = None
        self._timed_out = False
        self._cancelled_at: float | None = None
        self._look: Chore | None = None
        self._look_at = 0.0
        self._renew_at = 0.0

    def look(self, now: float) -> None:
        """Kill the horse where its step is over its time; care for it while it is silent."""
        step = self._mark.read()
        if step is not None and self._is_due(step, now):
            self._kill(step)
            return
        silent_s = now - max(self._mark.last_beat, self._forked_at)
        if silent_s > SILENT_S and now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._care_for_silent(step, now, silent_s)

    def _is_due(self, step: StartedStep, now: float) -> bool:
        if now >= step.deadline + self._options.grace_s:
            self._timed_out = True
            return True
        told = self._mark.kill_at(step)
        noticed = self._cancelled_at
        return any(at is not None and now >= at for at in (told, noticed))

    def _kill(self, step: StartedStep) -> None:
        if self._killed is None:
            reason = "ran past its deadline" if self._timed_out else "was cancelled and ran on"
            _log.warning("step %s %s: horse %d is killed", step.step_id, reason, self._pid)
            self._killed = step
        kill_group(self._pid)

    def _care_for_silent(self, step: StartedStep | None, now: float, silent_s: float) -> None:
        if holds_lock(self._pid, self._options.lock_path):
            # It was cut short within a transaction, and every writer waits for it.
            _log.error("horse %d is silent and holds the database's lock: killed", self._pid)
            kill_group(self._pid)
        elif step is not None:
            self._stand_in(step, now)
        elif silent_s > self._options.lease_s:
            _log.error("horse %d is silent for %.0f s and is killed", self._pid, silent_s)
            kill_group(self._pid)

    def _stand_in(self, step: StartedStep, now: float) -> None:
        """Do what the flusher of a horse does that cannot: lease and cancel.

        A horse that was stopped gets no help: it may be stopped for good, and its lease has to
        run out.
        """
        drain_id = self._mark.drain_id
        if drain_id is None or is_stopped(self._pid):
            return
        if self._look is not None:
            answer = self._look.answer()
            if answer is None:
                return
            if answer == _GONE and self._cancelled_at is None:
                self._cancelled_at = now + self._options.grace_s
        renews = now >= self._renew_at
        if renews:
            self._renew_at = now + self._options.heartbeat_s
        engine = self._runtime.engine
        claim = (step.step_id, step.token)

        def look() -> int:
            if renews and not engine.renew_drain(drain_id):
                return _GONE
            return 0 if claim[0] in engine.still_mine(drain_id, [claim]) else _GONE

        self._look = Chore(self._runtime, look)

    def end(self) -> None:
        """Stop looking: the horse has ended."""
        if self._look is not None:
            self._look.drop()
            self._look = None

    def release(self, status: int) -> None:
        """Give back what the dead horse held; what it had started is lost, or timed out.

        Waits for the database. May be called again when it raised.

        Args:
            status: as `wait` returned it.
        """
        drain_id = self._mark.drain_id
        step = self._mark.read()
        if drain_id is None:
            return
        marked = None if step is None else (step.step_id, step.token)
        reason = f"the worker process {self._pid} {describe(status)}"
        self._runtime.engine.release_dead(drain_id, marked, reason, self._limit_of(step))
        _log.info("released what drain %s held: %s", drain_id, reason)

    def must_release(self, status: int) -> bool:
        """Tell whether the dead horse may have held anything."""
        has_closed = status == 0 and self._mark.read() is None
        return self._mark.drain_id is not None and not has_closed

    def _limit_of(self, step: StartedStep | None) -> float | None:
        """Return the time limit of the step if it was killed for it."""
        if step is None or self._killed is None or not self._timed_out:
            return None
        if step.sequence != self._killed.sequence:
            return None  # the one that was late had just ended; this one is lost, not late
        return step.deadline - step.started
