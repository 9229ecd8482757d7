"""What a drain asks of the rest: the engine's verbs, the executor's call, the doorbell.

Only the shapes. The engine, the executor and the doorbell themselves know nothing of drains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ratchet_core.engine.execute import Executed, LiveAttempt
from ratchet_core.engine.work import Assignment, Concluded, DrainInfo, Finished, Logged


class DrainEngine(Protocol):
    """The verbs of the engine that drains and their parents use."""

    def open_drain(self, info: DrainInfo) -> None:
        """Register a drain and its lease."""
        ...

    def renew_drain(self, drain_id: str) -> bool:
        """Extend the lease; False: it was lost, and everything held with it."""
        ...

    def close_drain(self, drain_id: str) -> None:
        """End a drain; what it still holds goes back uncounted."""
        ...

    def release_held(self, drain_id: str) -> Any:
        """Make ready again, uncounted, whatever the drain holds that has not started."""
        ...

    def claim(self, drain_id: str, queues: Sequence[str], limit: int) -> list[Assignment]:
        """Take up to `limit` ready steps, in queue order; one alone where it must be alone."""
        ...

    def still_mine(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> Collection[str]:
        """Return the ids of those steps (id, token) that the drain still holds."""
        ...

    def may_start(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> Collection[str]:
        """Return the ids of those steps (id, token) that are held and whose runs are not paused."""
        ...

    def note_start(
        self, drain_id: str, assignment: Assignment, attempt_id: str, age_us: int
    ) -> bool:
        """Store that a step started `age_us` ago; False: it is not this drain's any more."""
        ...

    def conclude(
        self, drain_id: str, finished: Sequence[Finished], *, claim_next: bool = True
    ) -> Concluded:
        """Apply the ends of attempts in one transaction."""
        ...

    def store_logs(self, logged: Sequence[Logged], now_s: float) -> None:
        """Store lines that attempts have logged; `now_s` is the process's monotonic clock."""
        ...

    def give_back(self, drain_id: str, assignments: Sequence[Assignment]) -> Any:
        """Make unstarted steps ready again, uncounted."""
        ...

    def report_progress(
        self,
        drain_id: str,
        assignment: Assignment,
        fraction: float,
        message: str | None,
        data: Any,
    ) -> Any:
        """Store how far a running step is."""
        ...

    def has_ready(self, queues: Sequence[str]) -> bool:
        """Tell whether a step may be claimed; wakes those whose back-off has ended."""
        ...

    def next_ready_in_s(self, queues: Sequence[str]) -> float | None:
        """Return in how many seconds the next back-off ends; None without any."""
        ...


class ParentEngine(DrainEngine, Protocol):
    """The verbs that the parent of a work-horse uses besides."""

    def release_dead(
        self,
        drain_id: str,
        marked: tuple[str, int] | None,
        reason: str,
        timed_out: float | None = None,
    ) -> Mapping[str, int]:
        """End a drain whose process is dead; return queue to steps that became ready."""
        ...

    def reap(self) -> Mapping[str, int]:
        """End the drains whose lease ran out; return queue to steps that became ready."""
        ...

    def expire(self) -> int:
        """Fail the runs that have not ended by their deadline; return how many."""
        ...

    def finish_resumes(self) -> int:
        """Let runs go on whose workflows were resumed; return how many went on."""
        ...

    def fold_totals(self) -> int:
        """Put slots of the kept totals together; return how many went."""
        ...

    def ready_count(self, queues: Sequence[str]) -> int:
        """Count the steps that may be claimed."""
        ...


class CallsHandlers(Protocol):
    """Runs one attempt; `engine.execute.Executor` does."""

    def timeout_s(self, assignment: Assignment) -> float:
        """Return the time limit of an attempt at this step."""
        ...

    def execute(self, assignment: Assignment, live: LiveAttempt) -> Executed:
        """Call the step handler and return what came of it; never raises."""
        ...


class Bell(Protocol):
    """Wakes drains and lets them wait; `dispatch.Doorbell` does."""

    def ring(self, queue: str, count: int = 1) -> None:
        """Wake up to `count` drains of the queue."""
        ...

    def wait(self, drain_id: str, queues: Sequence[str], timeout_s: float) -> bool:
        """Wait for a ring; False when it is time to look into the database."""
        ...

    def leave(self, drain_id: str, queues: Sequence[str]) -> None:
        """Count the drain as present no more."""
        ...
