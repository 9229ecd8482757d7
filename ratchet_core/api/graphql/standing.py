"""Where jobs stood after each entry of the journal, which knows what the rows have forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ratchet_core.domain.events import EventName
from ratchet_core.domain.pause import Awaited
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.domain.views import EventView, RunView

#: Keeps a share such as 2 of 3 from being counted as less than 2.
_ROUNDING: Final = 1e-9

#: The state that a run is in after an event of its own.
_STATE_AFTER: Final[Mapping[str, RunState]] = {
    EventName.RUN_CREATED: RunState.PENDING,
    EventName.RUN_STARTED: RunState.RUNNING,
    EventName.RUN_RETRYING: RunState.RETRYING,
    EventName.RUN_COMPLETED: RunState.COMPLETED,
    EventName.RUN_FAILED: RunState.FAILED,
    EventName.RUN_CANCELLED: RunState.CANCELLED,
    EventName.RUN_RETRIED: RunState.PENDING,
    EventName.RUN_RESOLVED: RunState.RESOLVED,
    EventName.RUN_PAUSED: RunState.PAUSED,
}
_STEP_ENDS: Final = {EventName.STEP_COMPLETED, EventName.STEP_SKIPPED, EventName.STEP_RESOLVED}
#: Events of a step that has started, and so its run.
_STEP_MOVES: Final = {
    EventName.STEP_STARTED,
    EventName.STEP_PROGRESS,
    EventName.STEP_COMPLETED,
    EventName.STEP_RETRYING,
    EventName.STEP_FAILED,
}
#: Events after which a job may stand elsewhere.
MOVES: Final = frozenset({*_STATE_AFTER, EventName.RUN_RESUMED, *_STEP_ENDS, *_STEP_MOVES})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stood after an event."""

    state: RunState = RunState.PENDING
    progress: float = 0.0  #: 0 to 1
    held: RunState = RunState.PENDING  #: the state that a pause interrupts
    awaited: str | None = None  #: what ends the pause

    def after(self, event: EventView, steps_total: int) -> Standing:
        """Return where the job stands after one more event."""
        if event.step is None:
            return self._after_run_event(event)
        state, progress = self.state, self.progress
        if event.name in _STEP_MOVES and state is RunState.PENDING:
            state = RunState.RUNNING
        if event.name == EventName.STEP_PROGRESS:
            progress = float(event.data.get("run_progress", progress))
        elif event.name in _STEP_ENDS:
            done = int(progress * steps_total + _ROUNDING) + 1
            progress = min(1.0, done / steps_total)
        return replace(self, state=state, progress=progress)

    def _after_run_event(self, event: EventView) -> Standing:
        if event.name == EventName.RUN_RESUMED:
            return Standing(self.held, self.progress)
        state = _STATE_AFTER.get(event.name, self.state)
        if state is RunState.PAUSED:
            awaited = str(event.data.get("awaited", Awaited.RUN.value))
            held = self.held if self.state is RunState.PAUSED else self.state
            return Standing(state, self.progress, held, awaited)
        if event.name == EventName.RUN_COMPLETED:
            return Standing(state, 1.0)
        return Standing(state, 0.0 if event.name == EventName.RUN_RETRIED else self.progress)


def standing_of(run: RunView) -> Standing:
    """Return where a job stands now."""
    held = RunState.PENDING if run.started_at is None else RunState.RUNNING
    is_paused = run.state is RunState.PAUSED
    return Standing(run.state, run.progress, held, run.waiting_for if is_paused else None)


class Standings:
    """Where the jobs stand that one follower hears of; it remembers those heard of last.

    Args:
        at: tells where the job of an id stood up to a place of the journal.
        most: jobs that are remembered.
    """

    def __init__(self, at: Callable[[str, int], Standing], most: int = 200) -> None:
        self._at = at
        self._most = most
        self._known: OrderedDict[str, Standing] = OrderedDict()

    def moved(self, run: RunView, event: EventView) -> Standing | None:
        """Return where a job stands after an event; None where that is where it stood before."""
        before = self._known.pop(run.id, None)
        is_new = event.name == EventName.RUN_CREATED
        if before is None:
            before = Standing() if is_new else self._at(run.id, event.sequence - 1)
        now = before.after(event, run.steps_total)
        if now.state not in RUN_TERMINAL:
            self._known[run.id] = now
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return now if is_new or now != before else None
