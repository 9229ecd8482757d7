"""How `/api/v1` spells states, in both directions (decisions.md section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ratchet_core.domain.states import AttemptState, RunState

#: Each run state to the status of a job.
JOB_STATUS: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.PENDING: "pending",
        RunState.RUNNING: "running",
        RunState.RETRYING: "retrying",
        RunState.PAUSED: "running",
        RunState.WAITING: "running",
        RunState.COMPLETED: "completed",
        RunState.FAILED: "failed",
        RunState.CANCELLED: "cancelled",
        RunState.RESOLVED: "completed",
    }
)

#: Each attempt state to the status of an execution.
EXECUTION_STATUS: Final[Mapping[AttemptState, str]] = MappingProxyType(
    {state: state.value for state in AttemptState}
)


def _states_of(status: str) -> tuple[RunState, ...]:
    return tuple(state for state, shown in JOB_STATUS.items() if shown == status)


#: What a filter on jobs may say, aliases last, to the run states meant.
JOB_FILTER: Final[Mapping[str, tuple[RunState, ...]]] = MappingProxyType(
    {
        **{status: _states_of(status) for status in dict.fromkeys(JOB_STATUS.values())},
        "queued": _states_of("pending"),
        "processing": _states_of("running"),
    }
)

#: What a filter on executions may say.
EXECUTION_FILTER: Final[Mapping[str, tuple[AttemptState, ...]]] = MappingProxyType(
    {status: (state,) for state, status in EXECUTION_STATUS.items()}
)
