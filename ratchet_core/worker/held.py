"""What a drain holds in memory: claims that wait, the step that runs, ends that are not stored.

Two threads share it: the one that runs steps and the flusher. Claims and ends are deques, whose
single operations are atomic; transactions about them are made one at a time, under `writing`.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar

from ratchet_core.engine.execute import Executed, LiveAttempt
from ratchet_core.engine.work import Assignment, Finished, Logged

T = TypeVar("T")


class LeaseLost(Exception):
    """The drain's lease ran out: what it holds belongs to others; apply nothing."""


@dataclass(slots=True, eq=False)
class RunningStep:
    """The step that is under way."""

    assignment: Assignment  #: what runs
    live: LiveAttempt  #: shared with the step handler
    started: float  #: on `time.monotonic()`
    mark_sequence: int  #: number of its mark
    start_stored: bool = False  #: its start is in the database
    is_alone: bool = False  #: the flusher has stored and given back what else was held
    look_at: float = 0.0  #: when to look next whether it was cancelled
    told_at: float = 0.0  #: when progress was last forwarded
    logged_at: float = 0.0  #: when lines of its log were last stored


@dataclass(frozen=True, slots=True)
class EndedStep:
    """An attempt that came to its end and is not stored yet."""

    assignment: Assignment  #: what was run
    attempt_id: str  #: UUIDv7
    executed: Executed  #: what came of it
    started: float  #: on `time.monotonic()`

    def finished(self, now: float) -> Finished:
        """Return it as the engine takes it, at the moment of concluding."""
        return Finished(
            assignment=self.assignment,
            attempt_id=self.attempt_id,
            outcome=self.executed.outcome,
            age_us=int((now - self.started) * 1e6),
            duration_us=self.executed.duration_us,
            events=self.executed.events,
        )

    def logged(self) -> Logged:
        """Return what it has logged and nobody has stored."""
        return Logged(
            assignment=self.assignment, attempt_id=self.attempt_id, lines=self.executed.logs
        )


@dataclass(slots=True)
class Held:
    """Everything that a drain has in hands."""

    unstarted: deque[Assignment] = field(default_factory=deque)  #: claimed, in order
    ended: deque[EndedStep] = field(default_factory=deque)  #: waiting for the next commit
    running: RunningStep | None = None  #: set and cleared by the thread that runs steps
    is_lost: bool = False  #: the lease ran out
    writing: threading.RLock = field(default_factory=threading.RLock)  #: one transaction at a time

    def take_unstarted(self) -> list[Assignment]:
        """Take all waiting claims out."""
        return _drained(self.unstarted)

    def take_ended(self) -> list[EndedStep]:
        """Take all ends out."""
        return _drained(self.ended)


def _drained(items: deque[T]) -> list[T]:
    taken = []
    while items:
        try:
            taken.append(items.popleft())
        except IndexError:  # the other thread was quicker
            break
    return taken
