"""The loop of a scheduler: wait for the earliest fire time, fire, set the alarm for the next.

The database says when something is due. The alarm in Redis lets one scheduler at a time fire; it
may be lost, held by a dead one, or away with Redis: what is due then fires from the database.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from ratchet_core.dispatch.alarm import Answer
from ratchet_core.engine.fire import Fired
from ratchet_core.errors import RatchetError

#: The database is looked at this often, because anybody may change a schedule.
LOOK_S: Final = 1.0
#: Due for longer than this, a fire time is fired whoever holds the alarm.
PATIENCE_S: Final = 0.5
#: Pause where another scheduler is firing.
_PAUSE_S: Final = 0.05

_log = logging.getLogger(__name__)


class Fires(Protocol):
    """The verbs of the engine that a scheduler uses."""

    def fire_due(self) -> Fired:
        """Make the runs of fire times that have come, in one transaction."""
        ...

    def next_fire_in_s(self) -> float | None:
        """Return in how many seconds the next fire time comes; None while none will."""
        ...


class Wakes(Protocol):
    """The alarm clock; `dispatch.Alarm` is."""

    def arm(self, due_in_s: float | None) -> None:
        """Set the alarm."""
        ...

    def look(self, fire: Callable[[], None]) -> Answer:
        """Fire where the alarm is due."""
        ...


class Loop:
    """One scheduler.

    Args:
        engine: fires.
        alarm: keeps schedulers out of each other's way.
        wait: sleeps up to so many seconds.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self,
        engine: Fires,
        alarm: Wakes,
        *,
        wait: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._alarm = alarm
        self._wait = wait
        self._monotonic = monotonic
        self._due_since: float | None = None
        self._is_failing = False

    def run(self, is_asked: Callable[[], bool]) -> None:
        """Fire until asked to end."""
        while not is_asked():
            self._wait(self._guarded_turn())

    def _guarded_turn(self) -> float:
        try:
            pause_s = self.turn()
        except RatchetError as error:
            if not self._is_failing:
                _log.warning("schedules wait: %s", error.message)
            self._is_failing = True
            return LOOK_S
        except Exception:  # noqa: BLE001
            # One failed look must not end the firing of all others.
            _log.exception("firing schedules failed; it is tried again")
            return LOOK_S
        if self._is_failing:
            self._is_failing = False
            _log.info("schedules fire again")
        return pause_s

    def turn(self) -> float:
        """Fire what is due and return for how many seconds nothing will be."""
        due_in_s = self._engine.next_fire_in_s()
        if due_in_s == 0.0:
            self._fire()
            due_in_s = self._engine.next_fire_in_s()
        if due_in_s == 0.0:
            return _PAUSE_S
        self._due_since = None
        self._alarm.arm(due_in_s)
        return LOOK_S if due_in_s is None else min(LOOK_S, due_in_s)

    def _fire(self) -> None:
        """Fire by the alarm, or without it where it is silent or somebody sits on it."""
        now = self._monotonic()
        if self._due_since is None:
            self._due_since = now
        answer = self._alarm.look(self._fire_all)
        if answer is Answer.SILENT or (
            answer is Answer.HELD and now - self._due_since > PATIENCE_S
        ):
            self._fire_all()

    def _fire_all(self) -> None:
        while True:
            fired = self._engine.fire_due()
            if fired.runs:
                _log.debug("%d schedules fired, %d runs made", fired.schedules, fired.runs)
            if not fired.is_full:
                return
