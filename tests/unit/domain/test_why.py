"""Why a run is not running or not finished: each cause, from facts in a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.states import RUN_TERMINAL, RunState, StepState
from ratchet_core.domain.views import DrainView, ErrorView, RunView
from ratchet_core.domain.why import (
    MOST_AHEAD,
    MOST_REASONS,
    Cause,
    PauseFacts,
    RunFacts,
    StepFacts,
    Why,
    explain,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)
ERROR = ErrorView(type="HttpError", code="STEP_FAILED", message="502 from the bank")
S = StepState


def run(state: RunState = RunState.PENDING, **fields: Any) -> RunView:
    return RunView(
        id="r",
        workflow_id="w",
        namespace="default",
        name="pay",
        version="1.0.0",
        state=state,
        input={},
        result=None,
        progress=0.0,
        priority=0,
        created_at=NOW,
        updated_at=NOW,
        started_at=None,
        completed_at=None,
        **{"error": None, **fields},
    )


def step(name: str = "a", state: StepState = S.READY, *above: str, **fields: Any) -> StepFacts:
    known = {"queue": "default", "handler": "http", "depends_on": above, "ready_at": NOW}
    return StepFacts(name=name, state=state, **{**known, **fields})


def drain(number: int = 1, **fields: Any) -> DrainView:
    known = {
        "queues": ("default",),
        "handlers": ("http",),
        "is_alive": True,
        "held": 0,
        "lease_until": LATER,
    }
    return DrainView(
        id=f"d{number}",
        worker=f"w{number}",
        host="here",
        pid=number,
        started_at=NOW,
        renewed_at=NOW,
        **{**known, **fields},
    )


def pause(kind: PauseKind, subject: str) -> PauseFacts:
    return PauseFacts(kind=kind, subject=subject, by="alice", since=NOW)


def why(*steps: StepFacts, state: RunState = RunState.RUNNING, **fields: Any) -> Why:
    given = {"run": run(state), "drains": (drain(),), "now": NOW, **fields}
    return explain(RunFacts(steps=steps, **given))


def causes(told: Why) -> list[tuple[str, str | None]]:
    return [(reason.cause.value, reason.step) for reason in told.reasons]


HELD_BY_1: dict[str, Any] = {"drain_id": "d1", "attempts": 2}
CASES: dict[str, tuple[Why, list[tuple[str, str | None]], str]] = {
    "completed": (
        why(step("a", S.COMPLETED), state=RunState.COMPLETED),
        [("completed", None)],
        "is finished",
    ),
    "cancelled": (
        why(step("a", S.CANCELLED), state=RunState.CANCELLED, cancelled_by="bob"),
        [("cancelled", None)],
        "cancelled by bob",
    ),
    "resolved": (
        why(run=run(RunState.RESOLVED, resolved_by="carol")),
        [("resolved", None)],
        "by hand by carol",
    ),
    "failed": (
        why(
            step("a", S.FAILED, error=ERROR, attempts=3),
            step("b", S.PENDING, "a"),
            state=RunState.FAILED,
        ),
        [("step_failed", "a"), ("blocked", "b")],
        "'a' failed after 3 attempts: HttpError: 502 from the bank",
    ),
    "failed without a failed step": (
        why(step("a", S.CANCELLED), run=run(RunState.FAILED, error=ERROR)),
        [("step_failed", None)],
        "It failed: HttpError: 502",
    ),
    "paused": (
        why(step("a", S.RUNNING, **HELD_BY_1), step("b", S.PAUSED), state=RunState.PAUSED),
        [("paused", None), ("running", "a")],
        "It is paused",
    ),
    "workflow paused": (
        why(
            step("a", S.PAUSED),
            state=RunState.PAUSED,
            pauses=(pause(PauseKind.WORKFLOW, "w"),),
        ),
        [("workflow_paused", None)],
        "alice has paused all of its kind",
    ),
    "workflow paused before the first step was met": (
        why(step(), state=RunState.PENDING, pauses=(pause(PauseKind.WORKFLOW, "w"),)),
        [("workflow_paused", None), ("queued", "a")],
        "alice has paused",
    ),
    "queue paused": (
        why(step(), pauses=(pause(PauseKind.QUEUE, "default"), pause(PauseKind.QUEUE, "x"))),
        [("queue_paused", "a")],
        "alice has paused the queue 'default'",
    ),
    "waiting": (
        why(step("a", S.PENDING), run=run(RunState.WAITING, waiting_for="an approval")),
        [("waiting", None)],
        "waits for an approval",
    ),
    "start time": (
        why(step(state=S.BACKOFF, ready_at=LATER)),
        [("start_time", "a")],
        "may not start before 2026-03-01 12:01:30 UTC",
    ),
    "back-off": (
        why(step(state=S.BACKOFF, ready_at=LATER, attempts=2, error=ERROR)),
        [("back_off", "a")],
        "Attempt 2 of the step 'a' failed (HttpError: 502 from the bank); the next one comes at",
    ),
    "back-off that is over": (
        why(step(state=S.BACKOFF, ready_at=NOW, attempts=1)),
        [("queued", "a")],
        "about to be claimed",
    ),
    "no worker at all": (why(step(), drains=()), [("no_worker", "a")], "no worker serves"),
    "no worker of the queue": (
        why(step(), drains=(drain(queues=("other",)), drain(2, is_alive=False))),
        [("no_worker", "a")],
        "no worker serves the queue 'default'",
    ),
    "all busy": (
        why(step(), drains=(drain(held=3), drain(2, held=1)), ahead={"a": 17}),
        [("all_busy", "a")],
        "all 2 workers of the queue 'default' are busy; 17 steps come before it",
    ),
    "the only one busy": (
        why(step(), drains=(drain(held=1),)),
        [("all_busy", "a")],
        "the only worker of the queue 'default' is busy",
    ),
    "very many before it": (
        why(step(), drains=(drain(held=1),), ahead={"a": MOST_AHEAD}),
        [("all_busy", "a")],
        f"over {MOST_AHEAD - 1} steps come before it",
    ),
    "no handler": (
        why(step(handler="sap")),
        [("no_handler", "a"), ("queued", "a")],
        "provides the step handler 'sap'",
    ),
    "a handler that comes too late": (
        why(step(state=S.BACKOFF, ready_at=LATER, attempts=1, handler="sap")),
        [("no_handler", "a"), ("back_off", "a")],
        "provides the step handler 'sap'",
    ),
    "a dotted path is found out by a try": (
        why(step(handler="shop.steps.Pay")),
        [("queued", "a")],
        "",
    ),
    "an old worker tells no handlers": (
        why(step(handler="sap"), drains=(drain(handlers=None),)),
        [("queued", "a")],
        "",
    ),
    "claimed": (
        why(step(state=S.CLAIMED, drain_id="d1"), drains=(drain(held=5),)),
        [("claimed", "a")],
        "worker 'w1' (host here, process 1), which starts it next",
    ),
    "running": (
        why(step(state=S.RUNNING, **HELD_BY_1)),
        [("running", "a")],
        "Attempt 2 of the step 'a' runs on worker 'w1' (host here, process 1)",
    ),
    "lease over": (
        why(step(state=S.RUNNING, **HELD_BY_1), drains=(drain(is_alive=False),)),
        [("lease_over", "a")],
        "whose lease has run out",
    ),
    "the holder is gone": (
        why(step(state=S.CLAIMED, drain_id="d9")),
        [("lease_over", "a")],
        "a worker that is gone",
    ),
    "parents": (
        why(
            step("a", S.COMPLETED),
            step("b", S.RUNNING, **HELD_BY_1),
            step("c", S.PENDING, "a", "b"),
        ),
        [("running", "b"), ("parents", "c")],
        "runs on",
    ),
    "blocked from far above": (
        why(
            step("a", S.FAILED, error=ERROR, attempts=1),
            step("b", S.PENDING, "a"),
            step("c", S.PENDING, "b"),
            step("d", S.RUNNING, **HELD_BY_1),
        ),
        [("running", "d"), ("step_failed", "a"), ("blocked", "b"), ("blocked", "c")],
        "runs on",
    ),
    "a step was stopped alone": (
        why(step("a", S.CANCELLED), step("b", S.PENDING, "a")),
        [("step_cancelled", "a"), ("blocked", "b")],
        "'a' was cancelled",
    ),
    "a step is paused alone": (why(step("a", S.PAUSED)), [("paused", "a")], "'a' is paused"),
    "between two writes": (why(step("a", S.COMPLETED)), [("queued", None)], "has just ended"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_cause_is_told_with_its_step(case: str) -> None:
    told, expected, text = CASES[case]

    assert causes(told) == expected
    assert text in told.summary
    assert all(reason.remedy.endswith(".") for reason in told.reasons)
    assert all(reason.message == reason.message.strip(" .") for reason in told.reasons)


def test_every_cause_has_a_case() -> None:
    told = {reason.cause for told, _, _ in CASES.values() for reason in told.reasons}

    assert told == set(Cause)


def test_blame_and_times_are_there_for_programs() -> None:
    blocked = CASES["blocked from far above"][0].reasons[-1]
    awaited = CASES["parents"][0].reasons[-1]
    waiting = CASES["back-off"][0].reasons[0]
    running = CASES["running"][0].reasons[0]

    assert blocked.parents == ("a",)
    assert awaited.parents == ("b",)
    assert waiting.until == LATER
    assert running.drain == drain()
    assert running.until == LATER


@pytest.mark.parametrize("state", sorted(set(RunState) - {RunState.WAITING}))
@pytest.mark.parametrize("of_step", StepState)
def test_there_is_always_an_answer(state: RunState, of_step: StepState) -> None:
    told = why(step("a", of_step, drain_id="d1"), step("b", S.PENDING, "a"), run=run(state))

    assert told.reasons
    assert told.summary
    assert (told.reasons[0].cause.value in set(RUN_TERMINAL)) == (
        state in RUN_TERMINAL - {RunState.FAILED}
    )


def test_long_lists_are_cut_and_counted() -> None:
    steps = [step(f"s{number:03}") for number in range(MOST_REASONS + 7)]

    told = why(*steps)

    assert len(told.reasons) == MOST_REASONS
    assert told.omitted == 7
    assert told.summary.endswith(f"(and {MOST_REASONS + 6} more)")


def test_many_parents_are_cut_in_the_text_and_whole_for_programs() -> None:
    above = [step(f"p{number:02}", S.RUNNING, **HELD_BY_1) for number in range(12)]
    below = replace(step("z", S.PENDING), depends_on=tuple(item.name for item in above))

    reason = why(*above, below).reasons[-1]

    assert reason.message.endswith("'p09' and 2 more")
    assert len(reason.parents) == 12
