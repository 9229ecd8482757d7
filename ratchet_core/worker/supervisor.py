"""`ratchet worker`: the parent of a host's worker processes.

It runs no user code and has one thread, so it can always act: it forks, watches deadlines,
releases what dead work-horses held, and forks again. Slots are hosted by RQ while Redis answers;
while it does not they run their drains themselves.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ratchet_core.worker.chore import OwedReleases, Owner
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.process import (
    Switch,
    describe,
    die_with,
    has_ended,
    signals_blocked,
    unblock_signals,
)
from ratchet_core.worker.slot import ATTENDANTS, Mode, Slot
from ratchet_core.worker.wakeup import Wakeup
from ratchet_core.worker.watch import Watch, WatchOptions

#: The supervisor looks at its horses this often.
TICK_S: Final = 0.1
#: Redis is asked this often whether it answers.
REDIS_LOOK_S: Final = 1.0
#: Redis must have answered this long before slots go back to RQ.
_TRUST_REDIS_S: Final = 2.0
#: A child that lived shorter died at once.
_AT_ONCE_S: Final = 1.0
#: A child that lived longer is no crash in a row with the one before.
_STEADY_S: Final = 10.0

#: At its own end the supervisor waits this long for releases that are under way.
_LAST_RELEASES_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What the children do; each is called in a forked child and returns its exit code."""

    own: Callable[[int, Mark, Switch], int]  #: run a drain: number of the slot, mark, switch
    hosted: Callable[[int], int]  #: run an RQ worker that hosts drains: number of the slot
    care: Callable[[Switch], int]  #: maintenance
    deliver: Callable[[Switch], int]  #: bring outputs to their destinations
    redis_answers: Callable[[], bool]  #: asked about once a second
    publish: Callable[[Switch], int] | None = None  #: tell subscribers of events; None: has none


class Supervisor:
    """Keeps a number of worker processes alive until it is asked to end.

    Args:
        runtime: warm; its connections are closed before each fork.
        roles: what the children do.
        options: times that it goes by.
        slots: number of worker processes.
        burst: end when the drains find nothing ready.
    """

    def __init__(
        self,
        runtime: Owner,
        roles: Roles,
        options: WatchOptions,
        *,
        slots: int,
        burst: bool = False,
    ) -> None:
        self._runtime = runtime
        self._roles = roles
        self._options = options
        self._burst = burst
        self._slots = [Slot(number) for number in range(1, slots + 1)]
        if not burst:
            self._slots += [Slot(0, Mode.CARE), Slot(0, Mode.DELIVER)]
            self._slots += [Slot(0, Mode.PUBLISH)] if roles.publish else []
        self._settings = runtime.settings.worker
        self._owed = OwedReleases(runtime, 2 * options.lease_s)
        self._wakeup = Wakeup((signal.SIGTERM, signal.SIGINT))
        self._warm = False
        self._cold = False
        self._redis_look_at = 0.0
        self._redis_since: float | None = None
        self._gave_up = False

    def run(self) -> int:
        """Run until asked to end; return the exit code."""
        with self._wakeup:
            gc.freeze()  # what is loaded by now stays shared between the children
            while not self._is_over():
                self._look_at_redis()
                for slot in self._slots:
                    self._care_for(slot)
                self._owed.settle()
                self._obey()
                self._wakeup.wait(TICK_S)
            self._owed.settle_within(_LAST_RELEASES_S)
        return 1 if self._gave_up else 0

    def _is_over(self) -> bool:
        wanted = [slot for slot in self._slots if slot.mode not in ATTENDANTS]
        if not self._wakeup.asked and any(not slot.is_done for slot in wanted):
            return False
        if not self._wakeup.asked:  # all drains are done or given up: the maintenance has to go too
            self._wakeup.asked = 1
        return all(slot.pid is None for slot in self._slots)

    # ── signals ─────────────────────────────────────────────────────────────────────────────────

    def _obey(self) -> None:
        """Pass a first request to end on; a second one ends cold."""
        if self._wakeup.asked:
            if not self._warm:
                self._warm = True
                _log.info("ending warm: running steps are finished, the rest is given back")
            for slot in self._slots:
                if slot.pid is not None and not slot.is_leaving:
                    slot.ask_to_end()
        if self._wakeup.asked > 1 and not self._cold:
            self._cold = True
            _log.warning("ending cold: running steps are interrupted")
            for slot in self._slots:
                slot.end_cold()

    # ── children ────────────────────────────────────────────────────────────────────────────────

    def _care_for(self, slot: Slot) -> None:
        now = time.monotonic()
        if slot.pid is not None:
            ended = has_ended(slot.pid)
            if ended is None:
                self._look_at(slot, now)
                return
            self._bury(slot, ended[1], now)
        if not (self._wakeup.asked or slot.is_done) and now >= slot.start_at:
            self._start(slot)

    def _look_at(self, slot: Slot, now: float) -> None:
        if slot.watch is not None:
            slot.watch.look(now)
        if slot.mode is Mode.OWN and self._should_host() and not slot.is_leaving:
            slot.ask_to_end()  # warm; what follows it is hosted by RQ

    def _bury(self, slot: Slot, status: int, now: float) -> None:
        """Release what a dead child held, and decide when the next one comes."""
        lived_s = now - slot.started
        pid, slot.pid = slot.pid, None
        watch, slot.watch = slot.watch, None
        if watch is not None:
            watch.end()
            if watch.must_release(status):
                self._owed.add(lambda: watch.release(status))
        has_crashed = status != 0
        if has_crashed and not self._cold:
            _log.warning("worker process %s of slot %d %s", pid, slot.number, describe(status))
        if self._burst and not has_crashed:
            slot.is_done = True
        slot.deaths = 0 if lived_s > _STEADY_S or not has_crashed else slot.deaths + 1
        slot.start_at = now + (self._settings.restart_delay_s if lived_s < _AT_ONCE_S else 0.0)
        if has_crashed:
            self._consider_giving_up(slot)

    def _consider_giving_up(self, slot: Slot) -> None:
        most = self._settings.max_restart_attempts
        if slot.mode in ATTENDANTS:
            return
        if not self._settings.restart_on_crash or (most is not None and slot.deaths > most):
            _log.error("slot %d is given up after %d deaths in a row", slot.number, slot.deaths)
            slot.is_done = True
            self._gave_up = True

    def _start(self, slot: Slot) -> None:
        if slot.mode in ATTENDANTS:
            mode = slot.mode
        else:
            mode = Mode.HOSTED if self._should_host() else Mode.OWN
        mark = Mark()
        self._runtime.dispose_pools()
        parent = os.getpid()
        with signals_blocked():
            pid = os.fork()
            if pid == 0:
                self._be_child(slot, mode, mark, parent)
        watch = None
        if mode is Mode.OWN:
            watch = Watch(self._runtime, mark, pid, self._options)
        slot.born(mode, pid, watch)

    def _be_child(self, slot: Slot, mode: Mode, mark: Mark, parent: int) -> None:
        """Become what the mode says; never returns."""
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C in the terminal is for the supervisor alone
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            switch = Switch()
            switch.take_signals()
            self._runtime.forget_connections()
            die_with(parent)
            unblock_signals()
            if mode is Mode.HOSTED:
                code = self._roles.hosted(slot.number)
            elif mode is Mode.CARE:
                code = self._roles.care(switch)
            elif mode is Mode.DELIVER:
                code = self._roles.deliver(switch)
            elif mode is Mode.PUBLISH and self._roles.publish is not None:
                code = self._roles.publish(switch)
            else:
                code = self._roles.own(slot.number, mark, switch)
        except Exception:  # noqa: BLE001 - the process ends here; the reason must be on record
            _log.exception("worker process of slot %d failed", slot.number)
        finally:
            os._exit(code)

    # ── Redis ───────────────────────────────────────────────────────────────────────────────────

    def _look_at_redis(self) -> None:
        now = time.monotonic()
        if self._burst or now < self._redis_look_at:
            return
        is_first = self._redis_look_at == 0.0
        self._redis_look_at = now + REDIS_LOOK_S
        if not self._roles.redis_answers():
            self._redis_since = None
        elif self._redis_since is None:
            # At the start there is nothing to switch back from: trust the first answer.
            self._redis_since = now - _TRUST_REDIS_S if is_first else now

    def _should_host(self) -> bool:
        since = self._redis_since
        return since is not None and time.monotonic() - since >= _TRUST_REDIS_S
