from __future__ import annotations

from datetime import UTC, datetime

from ratchet_core.api.tasker.dependency import PROGRESSING, show_dependencies
from ratchet_core.domain.states import RunState, StepState
from ratchet_core.domain.views import RunView, StepView

NOW = datetime(2024, 1, 15, tzinfo=UTC)


def _run(state: RunState) -> RunView:
    return RunView(
        id="r",
        workflow_id="w",
        namespace="shop",
        name="diamond",
        version="1.0.0",
        state=state,
        input={},
        result=None,
        error=None,
        progress=0,
        priority=0,
        created_at=NOW,
        updated_at=NOW,
        started_at=None,
        completed_at=None,
    )


def _step(name: str, state: StepState, *parents: str) -> StepView:
    return StepView(
        id=name,
        run_id="r",
        name=name,
        position=0,
        state=state,
        handler="h",
        depends_on=parents,
        attempts=0,
        result=None,
        error=None,
        ready_at=None,
        started_at=None,
        completed_at=None,
    )


def test_a_healthy_chain_progresses_normally() -> None:
    steps = [
        _step("validate", StepState.COMPLETED),
        _step("charge", StepState.RUNNING, "validate"),
        _step("update", StepState.PENDING, "charge"),
    ]

    assert show_dependencies(_run(RunState.RUNNING), steps) == {
        "analysis": PROGRESSING,
        "blocked_steps": [],
        "ready_steps": ["charge"],
        "completed_steps": ["validate"],
    }


def test_everything_below_a_failure_is_blocked_and_nothing_else() -> None:
    steps = [
        _step("a", StepState.FAILED),
        _step("b", StepState.PENDING, "a"),
        _step("c", StepState.PENDING, "b"),
        _step("d", StepState.READY),
        _step("e", StepState.PENDING, "d"),
    ]

    shown = show_dependencies(_run(RunState.RUNNING), steps)

    assert shown["blocked_steps"] == ["b", "c"]
    assert shown["ready_steps"] == ["d"]
    assert shown["analysis"] == "Task has failed steps: a, which blocks b, c"


def test_a_step_in_back_off_blocks_nothing() -> None:
    steps = [_step("a", StepState.BACKOFF), _step("b", StepState.PENDING, "a")]

    shown = show_dependencies(_run(RunState.RETRYING), steps)

    assert shown["blocked_steps"] == []
    assert shown["analysis"] == "Task is waiting to retry a"


def test_skipped_steps_count_as_completed() -> None:
    steps = [_step("a", StepState.SKIPPED), _step("b", StepState.RESOLVED, "a")]

    assert show_dependencies(_run(RunState.COMPLETED), steps)["completed_steps"] == ["a", "b"]
