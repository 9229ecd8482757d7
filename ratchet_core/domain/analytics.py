"""Figures about a period that has just passed: throughput, durations, errors, what holds runs up.

Everything is counted from what is stored; where there is nothing, there is no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ratchet_core.domain.states import AttemptState

#: Figures are made of so many of the newest runs or attempts of a period; counts are exact.
SAMPLE: Final = 20_000
#: Items of each list of the slowest, most frequent and so on.
TOP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsQuery:
    """Of what a report is wanted; all given ones must hold."""

    period_s: int  #: up to now
    namespace: str | None = None  #: of the workflow
    name: str | None = None  #: of the workflow
    version: str | None = None  #: of the workflow
    namespaces: tuple[str, ...] | None = None  #: what the caller may see


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What became of the runs of one period."""

    period_s: int  #: up to now
    created: int  #: runs accepted in it
    attempts: int  #: attempts started in it
    looked_at: int  #: the newest of the runs, of which the next figures are
    completed: int  #: of them: completed, or resolved by hand
    failed: int  #: of them
    cancelled: int  #: of them
    average_run_s: float | None  #: from start to end, of those that completed
    average_attempt_s: float | None  #: of the newest attempts that have ended

    @property
    def ended(self) -> int:
        """Runs that have come to an end, among those looked at."""
        return self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRun:
    """A run that took long."""

    run_id: str
    namespace: str
    workflow: str
    version: str
    duration_us: int  #: from its first start to its end
    steps_total: int
    steps_open: int  #: that have not come to an end
    steps_failed: int
    created_at: datetime
    completed_at: datetime
    origin: Any  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowAttempt:
    """An attempt that took long."""

    step_id: str
    run_id: str
    step: str
    namespace: str
    workflow: str
    version: str
    duration_us: int
    number: int  #: from 1
    state: AttemptState
    started_at: datetime
    completed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A step that runs have failed by."""

    namespace: str
    workflow: str
    step: str
    runs: int  #: that failed by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottlenecks:
    """What was slow, what failed and what held runs up in one period."""

    runs: int  #: accepted in it, exactly
    workflows: int  #: different ones among those looked at
    attempts_ended: int  #: among those looked at
    attempts_failed: int  #: of them
    retries: int  #: of them: second attempts and later ones
    retries_completed: int  #: of them
    error_types: tuple[tuple[str, int], ...]  #: the most frequent ones
    slow_runs: tuple[SlowRun, ...]  #: the slowest ones
    slow_attempts: tuple[SlowAttempt, ...]  #: the slowest ones
    blockers: tuple[Blocker, ...]  #: the most frequent ones
    run_durations_us: tuple[int, ...]  #: of those that have ended, in ascending order
    attempt_durations_us: tuple[int, ...]  #: of those that have ended, in ascending order
    average_wait_s: float | None  #: from acceptance to the first start
    is_sampled: bool  #: there were more than were looked at


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Return the smallest value that so many per cent are not above; None of nothing.

    Args:
        ordered: in ascending order.
        percent: 1 to 100.
    """
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
