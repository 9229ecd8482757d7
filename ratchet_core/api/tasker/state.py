"""How `/tasker` spells states, in both directions (decisions.md section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ratchet_core.domain.states import RunState, StepState

#: Each run state to the status of a task.
TASK_STATUS: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.PENDING: "pending",
        RunState.RUNNING: "in_progress",
        RunState.RETRYING: "in_progress",
        RunState.PAUSED: "in_progress",
        RunState.WAITING: "in_progress",
        RunState.COMPLETED: "complete",
        RunState.FAILED: "error",
        RunState.CANCELLED: "cancelled",
        RunState.RESOLVED: "resolved_manually",
    }
)

#: Each step state to the status of a workflow step. A claim is no start yet.
STEP_STATUS: Final[Mapping[StepState, str]] = MappingProxyType(
    {
        StepState.PENDING: "pending",
        StepState.READY: "pending",
        StepState.PAUSED: "pending",
        StepState.CLAIMED: "pending",
        StepState.RUNNING: "in_progress",
        StepState.BACKOFF: "pending",
        StepState.COMPLETED: "complete",
        StepState.SKIPPED: "complete",
        StepState.FAILED: "error",
        StepState.CANCELLED: "cancelled",
        StepState.RESOLVED: "resolved_manually",
    }
)

#: What a filter on tasks may say to the run states meant.
TASK_FILTER: Final[Mapping[str, tuple[RunState, ...]]] = MappingProxyType(
    {
        status: tuple(state for state, shown in TASK_STATUS.items() if shown == status)
        for status in dict.fromkeys(TASK_STATUS.values())
    }
)
