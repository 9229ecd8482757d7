"""Plans: random graphs with random failures always come to an end, parents before children.

The dictionary here plays the database; every decision is the one that the engine takes.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.outcome import Completed, Failed, Outcome, lost
from ratchet_core.domain.plan import (
    Counters,
    count,
    decide_step,
    free_children,
    plan_run,
    reset_from,
    run_result,
    signal_for_run,
)
from ratchet_core.domain.retry import Backoff, RetryPolicy
from ratchet_core.domain.states import (
    RUN_TERMINAL,
    STEP_SATISFIED,
    RunSignal,
    RunState,
    StepSignal,
    StepState,
    advance_run,
    advance_step,
)
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.errors import ValidationFailed

OUTCOMES: list[Outcome] = [
    Completed("1"),
    Failed(error_type="E", message="again"),
    Failed(error_type="E", message="never", retryable=False),
    lost("died"),
]


@st.composite
def workflows(draw: st.DrawFn) -> WorkflowDefinition:
    size = draw(st.integers(1, 12))
    steps = [
        StepDefinition(
            name=f"s{index}",
            handler="h",
            depends_on=tuple(
                f"s{parent}"
                for parent in sorted(draw(st.sets(st.integers(0, index - 1), max_size=3)))
            )
            if index
            else (),
            retryable=draw(st.booleans()),
            retry_limit=draw(st.integers(0, 3)),
            skippable=draw(st.booleans()),
        )
        for index in range(size)
    ]
    return WorkflowDefinition(name="w", steps=tuple(steps)).checked()


class Simulation:
    """One run held in dictionaries."""

    def __init__(self, workflow: WorkflowDefinition, bypass: set[str]) -> None:
        self.workflow = workflow
        plan = plan_run(workflow, bypass)
        self.states = {name: step.state for name, step in plan.items()}
        self.pending = {name: step.pending_parents for name, step in plan.items()}
        self.failures = dict.fromkeys(plan, 0)
        self.losses = dict.fromkeys(plan, 0)
        self.counters = count(self.states.values())
        self.run = RunState.PENDING
        self.started: list[str] = []
        self.settle()

    def move(self, name: str, signal: StepSignal) -> None:
        left = self.states[name]
        self.states[name] = advance_step(left, signal)
        self.counters = self.counters.moved(left, self.states[name])

    def settle(self) -> None:
        signal = signal_for_run(self.counters)
        if self.run not in RUN_TERMINAL and not (
            self.run is RunState.PENDING and signal is RunSignal.START and not self.started
        ):
            self.run = advance_run(self.run, signal)

    def attempt(self, name: str, outcome: Outcome) -> None:
        step = self.workflow.step(name)
        self.started.append(name)
        self.move(name, StepSignal.CLAIM)
        policy = RetryPolicy(
            retryable=step.retryable, attempt_limit=step.attempt_limit, backoff=Backoff()
        )
        decision = decide_step(
            policy,
            outcome,
            failures=self.failures[name],
            losses=self.losses[name],
            skippable=step.skippable,
            random=0.5,
        )
        if isinstance(outcome, Failed):
            self.failures[name] += decision.counts
            self.losses[name] += not decision.counts
        self.move(name, decision.signal)
        if self.states[name] in STEP_SATISFIED:
            waiting = {
                child: self.pending[child]
                for child, state in self.states.items()
                if state is StepState.PENDING
            }
            self.pending |= free_children(self.workflow, [name], waiting)
            for child in waiting:
                if self.pending[child] == 0:
                    self.move(child, StepSignal.FREE)
        self.settle()

    def wake(self) -> None:
        for name, state in self.states.items():
            if state is StepState.BACKOFF:
                self.move(name, StepSignal.WAKE)


@given(workflows(), st.data())
def test_every_run_ends_and_no_child_starts_before_its_parents(
    workflow: WorkflowDefinition, data: st.DataObject
) -> None:
    skippable = [step.name for step in workflow.steps if step.skippable]
    bypass = set(data.draw(st.lists(st.sampled_from(skippable)) if skippable else st.just([])))
    run = Simulation(workflow, bypass)
    for _ in range(10 * len(workflow.steps) + 10):
        if run.run in RUN_TERMINAL:
            break
        ready = [name for name, state in run.states.items() if state is StepState.READY]
        if not ready:
            run.wake()
            continue
        name = data.draw(st.sampled_from(ready))
        for parent in workflow.parents[name]:
            assert run.states[parent] in STEP_SATISFIED
        run.attempt(name, data.draw(st.sampled_from(OUTCOMES)))
        assert run.counters == count(run.states.values())

    assert run.run in {RunState.COMPLETED, RunState.FAILED}
    assert (run.run is RunState.FAILED) == (StepState.FAILED in run.states.values())
    assert not bypass & set(run.started)


@given(workflows(), st.data())
def test_a_retry_keeps_what_completed_and_frees_only_what_can_run(
    workflow: WorkflowDefinition, data: st.DataObject
) -> None:
    run = Simulation(workflow, set())
    while run.run not in RUN_TERMINAL:
        ready = [name for name, state in run.states.items() if state is StepState.READY]
        run.wake() if not ready else run.attempt(
            ready[0], data.draw(st.sampled_from([OUTCOMES[0], OUTCOMES[2]]))
        )
    start = data.draw(st.none() | st.sampled_from(sorted(run.states)))

    planned = reset_from(workflow, run.states, start)

    for name, step in planned.items():
        missing = [p for p in workflow.parents[name] if planned[p].state not in STEP_SATISFIED]
        assert step.pending_parents == len(missing)
        assert (step.state is StepState.READY) <= (not missing)
        if step.state in STEP_SATISFIED:
            assert run.states[name] is step.state


def test_only_skippable_steps_can_be_bypassed() -> None:
    steps = (
        StepDefinition(name="a", handler="h", skippable=True),
        StepDefinition(name="b", handler="h", depends_on=("a",)),
    )
    workflow = WorkflowDefinition(name="w", steps=steps)

    assert plan_run(workflow, {"a"})["b"].state is StepState.READY
    with pytest.raises(ValidationFailed) as caught:
        plan_run(workflow, ["b", "c"])
    assert len(caught.value.details["bypass_steps"]) == 2


def test_the_result_is_of_the_named_step_else_of_the_only_leaf_else_of_all_leaves() -> None:
    steps = (
        StepDefinition(name="a", handler="h"),
        StepDefinition(name="b", handler="h", depends_on=("a",)),
    )
    results = {"a": 1, "b": 2}

    assert run_result(WorkflowDefinition(name="w", steps=steps), results) == 2
    assert run_result(WorkflowDefinition(name="w", steps=steps, output_step="a"), results) == 1
    free = (steps[0], StepDefinition(name="b", handler="h"))
    assert run_result(WorkflowDefinition(name="w", steps=free), results) == {"a": 1, "b": 2}


def test_a_run_fails_only_when_nothing_else_can_run() -> None:
    assert signal_for_run(Counters(open=2, active=1, failed=1)) is RunSignal.START
    assert signal_for_run(Counters(open=2, backoff=1, failed=1)) is RunSignal.BACK_OFF
    assert signal_for_run(Counters(open=2, failed=1)) is RunSignal.FAIL
    assert signal_for_run(Counters()) is RunSignal.COMPLETE
