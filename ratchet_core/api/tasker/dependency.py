"""The `dependencies` block of a task: which steps are done, ready, or held up by a failure.

Seed 002, "Get Task Details"; decisions.md sections 3 and 8. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ratchet_core.domain.graph import children_of, descendants_of
from ratchet_core.domain.states import STEP_ACTIVE, STEP_SATISFIED, RunState, StepState
from ratchet_core.domain.views import RunView, StepView

#: Of a task that goes its way (seed 002, "Get Task Details").
PROGRESSING: Final = "Task is progressing normally through dependency chain"

_FAILURES: Final = frozenset({StepState.FAILED, StepState.CANCELLED})


def show_dependencies(run: RunView, steps: Sequence[StepView]) -> dict[str, Any]:
    """Return the block for a run and its steps in definition order."""
    blocked = blocked_steps(steps)
    return {
        "analysis": analyse(run, steps, blocked),
        "blocked_steps": blocked,
        "ready_steps": [step.name for step in steps if step.state in STEP_ACTIVE],
        "completed_steps": [step.name for step in steps if step.state in STEP_SATISFIED],
    }


def blocked_steps(steps: Sequence[StepView]) -> list[str]:
    """Return the steps that cannot run because one above them failed or was cancelled."""
    children = children_of({step.name: step.depends_on for step in steps})
    below: set[str] = set()
    for step in steps:
        if step.state in _FAILURES:
            below.update(descendants_of(step.name, children))
    return [step.name for step in steps if step.state is StepState.PENDING and step.name in below]


def analyse(run: RunView, steps: Sequence[StepView], blocked: Sequence[str]) -> str:
    """Say in one sentence how the task stands."""
    match run.state:
        case RunState.COMPLETED:
            return "Task is complete: every step is done"
        case RunState.CANCELLED:
            return "Task was cancelled"
        case RunState.RESOLVED:
            return "Task was resolved manually"
        case RunState.PAUSED | RunState.WAITING:
            return f"Task is waiting for {run.waiting_for or 'a signal'}"
    failed = [step.name for step in steps if step.state is StepState.FAILED]
    if failed:
        held_up = f", which blocks {', '.join(blocked)}" if blocked else ""
        return f"Task has failed steps: {', '.join(failed)}{held_up}"
    waiting = [step.name for step in steps if step.state is StepState.BACKOFF]
    if run.state is RunState.RETRYING and waiting:
        return f"Task is waiting to retry {', '.join(waiting)}"
    return PROGRESSING
