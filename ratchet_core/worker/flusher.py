"""The drain's second thread: it steps in when a step takes long, and keeps the lease alive.

While steps are short it only looks at the clock. When one has run for 20 ms it stores the ends
behind it, gives the claims before it back, and stores its start; from then on it forwards its
progress and watches whether it was cancelled. It runs no step.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Final

from ratchet_core.engine.work import Logged
from ratchet_core.worker.held import Held, LeaseLost, RunningStep
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.pause import Pause
from ratchet_core.worker.verbs import DrainEngine
from ratchet_core.worker.writer import Writer

#: A step that runs longer is slow: what else the drain holds must not wait for it.
SLOW_S: Final = 0.020
#: Progress is forwarded at most this often.
PROGRESS_S: Final = 0.2
#: Lines of a slow step's log are stored at most this often, but for many at once.
LOG_S: Final = 0.2
#: So many lines wait no longer.
LOG_LINES: Final = 500
#: A slow step is looked at this often, whether it was cancelled.
CANCEL_LOOK_S: Final = 0.5

_BUSY_TICK_S: Final = 0.010
_IDLE_TICK_S: Final = 1.0

_log = logging.getLogger(__name__)


class Flusher:
    """Watches one drain from a thread of its own."""

    def __init__(
        self,
        engine: DrainEngine,
        held: Held,
        writer: Writer,
        mark: Mark,
        drain_id: str,
        *,
        heartbeat_s: float,
        grace_s: float,
    ) -> None:
        self._engine = engine
        self._held = held
        self._writer = writer
        self._mark = mark
        self._drain_id = drain_id
        self._heartbeat_s = heartbeat_s
        self._grace_s = grace_s
        self._renew_at = time.monotonic() + heartbeat_s
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._pause = Pause()
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._pause.install()
        self._mark.beat(time.monotonic())
        self._thread.start()

    def end(self) -> None:
        """End the thread and wait for it."""
        self._ended.set()
        self._busy.set()
        self._thread.join()
        self._pause.uninstall()

    def work_begins(self) -> None:
        """Look at the clock often from now on."""
        if not self._busy.is_set():
            self._busy.set()

    def work_rests(self) -> None:
        """Only the lease needs care from now on."""
        self._busy.clear()

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._busy.wait(min(_IDLE_TICK_S, self._heartbeat_s)):
                self._ended.wait(_BUSY_TICK_S)
            try:
                self._tick(time.monotonic())
            except LeaseLost:
                self._stop_running()
                return
            except Exception:  # noqa: BLE001 - the lease must stay alive whatever one look meets
                _log.exception("drain %s: the flusher failed once", self._drain_id)
                self._ended.wait(_IDLE_TICK_S)

    def _tick(self, now: float) -> None:
        self._mark.beat(now)
        running = self._held.running
        if now >= self._renew_at and not self._is_overdue(running, now):
            self._renew_at = now + self._heartbeat_s
            with self._transaction():
                self._writer.renew()
        if self._held.is_lost:
            raise LeaseLost(self._drain_id)
        if running is None or now - running.started < SLOW_S:
            return
        if not running.is_alone:
            self._take_over(running)
        self._forward_progress(running, now)
        self._forward_log(running, now)
        self._look_for_cancel(running, now)

    def _is_overdue(self, running: RunningStep | None, now: float) -> bool:
        """The lease is not renewed beyond the deadline: the parent has to kill by then."""
        return running is not None and now > running.live.deadline + self._grace_s

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write with nobody cutting it short: no step starts meanwhile, a running one rests."""
        with self._held.writing:
            if self._held.running is None:
                yield
            else:
                with self._pause:
                    yield

    def _take_over(self, running: RunningStep) -> None:
        running.is_alone = True
        with self._transaction():
            self._writer.flush(claim_next=False)
            self._writer.give_back()
            if self._held.running is not running or running.start_stored:
                return
            if not self._writer.note_start(running):
                self._cancel(running)

    def _forward_progress(self, running: RunningStep, now: float) -> None:
        note = running.live.progress
        if note is None or now - running.told_at < PROGRESS_S:
            return
        running.live.progress = None
        running.told_at = now
        with self._transaction():
            if self._held.running is running:
                self._engine.report_progress(
                    self._drain_id, running.assignment, note.fraction, note.message, note.data
                )

    def _forward_log(self, running: RunningStep, now: float) -> None:
        lines = running.live.lines
        if not lines or (now - running.logged_at < LOG_S and len(lines) < LOG_LINES):
            return
        running.logged_at = now
        with self._transaction():
            taken = lines.take()  # under the lock: nobody stores a later line before these
            attempt = running.live.attempt_id
            self._writer.store_logs(
                [Logged(assignment=running.assignment, attempt_id=attempt, lines=taken)]
            )

    def _look_for_cancel(self, running: RunningStep, now: float) -> None:
        if now < running.look_at or running.live.stop.is_set():
            return
        running.look_at = now + CANCEL_LOOK_S
        claim = (running.assignment.step_id, running.assignment.token)
        if claim[0] not in self._engine.still_mine(self._drain_id, [claim]):
            self._cancel(running)

    def _cancel(self, running: RunningStep) -> None:
        """Ask the step handler to end; the parent kills where it does not."""
        running.live.stop.set()
        self._mark.cancel(running.mark_sequence, time.monotonic() + self._grace_s)

    def _stop_running(self) -> None:
        running = self._held.running
        if running is not None:
            self._cancel(running)
