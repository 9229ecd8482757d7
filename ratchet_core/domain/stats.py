"""Figures about what is stored: how many stand where, and how long the newest took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ratchet_core.domain.states import AttemptState, RunState, StepState

#: Durations are those of so many of the newest ones: a figure of all would read all of history.
NEWEST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long the newest ones took, in milliseconds; None where there is none."""

    count: int  #: that were looked at
    average_ms: float | None
    median_ms: float | None
    p95_ms: float | None  #: 95 of 100 took no longer
    longest_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """Figures about runs."""

    by_state: Mapping[RunState, int]  #: every state is there
    by_priority: Mapping[int, int]  #: of those that are not at their end
    oldest_pending_at: datetime | None  #: when the oldest was accepted that has not started
    durations: Durations  #: from start to end, of the newest that completed

    @property
    def total(self) -> int:
        """All runs."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStats:
    """Figures about attempts."""

    by_state: Mapping[AttemptState, int]  #: every state is there
    durations: Durations  #: of the newest, however they ended

    @property
    def total(self) -> int:
        """All attempts."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStats:
    """Figures about workflows."""

    enabled: int  #: that take new runs
    disabled: int  #: that an operator has switched off
    versions: int  #: of all of them
    namespaces: int  #: that hold one


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStats:
    """Figures about schedules."""

    enabled: int  #: that an operator lets fire
    disabled: int  #: that an operator has switched off
    exhausted: int  #: enabled ones that will never fire again
    next_at: datetime | None  #: the earliest fire time to come
    runs_made: int  #: by all of them
    runs_skipped: int  #: fire times without a run, because of an earlier one


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """Figures about one queue in which something waits."""

    queue: str  #: its name
    ready: int  #: steps that may be claimed
    oldest_ready_s: float  #: how long the oldest of them waits, in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """Figures about those who work and what waits for them."""

    idle: int  #: drains that hold nothing
    busy: int  #: drains that hold at least one step
    silent: int  #: drains whose lease has run out, not taken over yet
    steps: Mapping[StepState, int]  #: ready, claimed, running and in back-off
    queues: tuple[QueueStats, ...]  #: those that are not empty, by name


def durations_of(values_us: Sequence[int]) -> Durations:
    """Return figures about durations given in microseconds, in any order."""
    ordered = sorted(values_us)
    count = len(ordered)
    if not ordered:
        return Durations(count=0, average_ms=None, median_ms=None, p95_ms=None, longest_ms=None)
    return Durations(
        count=count,
        average_ms=sum(ordered) / count / 1000,
        median_ms=ordered[(count - 1) // 2] / 1000,
        p95_ms=ordered[max(0, -(-count * 95 // 100) - 1)] / 1000,
        longest_ms=ordered[-1] / 1000,
    )
