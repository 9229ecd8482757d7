"""What follows from what: the first plan of a run, freed children, and what becomes of the run.

The same functions plan in tests with a dictionary and in `engine` with the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ratchet_core.domain.graph import descendants_of
from ratchet_core.domain.outcome import Completed, Failed, FailureKind, Outcome
from ratchet_core.domain.retry import RetryDecision, RetryPolicy, decide_retry
from ratchet_core.domain.states import (
    STEP_ACTIVE,
    STEP_GIVEN_UP,
    STEP_SATISFIED,
    STEP_TERMINAL,
    RunSignal,
    StepSignal,
    StepState,
)
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import ValidationFailed


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as it stands at one moment of planning."""

    state: StepState  #: where it stands
    pending_parents: int  #: parents that are not satisfied yet


@dataclass(frozen=True, slots=True)
class Counters:
    """How many of a run's steps stand where; enough to tell what the run does."""

    open: int = 0  #: not in a terminal state
    active: int = 0  #: ready, paused, claimed or running
    backoff: int = 0  #: waiting for their back-off
    failed: int = 0  #: failed for good, or cancelled

    def moved(self, left: StepState, entered: StepState) -> Counters:
        """Return the counters after one step went from one state to another."""
        return Counters(
            open=self.open + (entered not in STEP_TERMINAL) - (left not in STEP_TERMINAL),
            active=self.active + (entered in STEP_ACTIVE) - (left in STEP_ACTIVE),
            backoff=self.backoff + (entered is StepState.BACKOFF) - (left is StepState.BACKOFF),
            failed=self.failed + (entered in STEP_GIVEN_UP) - (left in STEP_GIVEN_UP),
        )


def count(states: Iterable[StepState]) -> Counters:
    """Count the steps of a run."""
    listed = list(states)
    return Counters(
        open=sum(state not in STEP_TERMINAL for state in listed),
        active=sum(state in STEP_ACTIVE for state in listed),
        backoff=listed.count(StepState.BACKOFF),
        failed=sum(state in STEP_GIVEN_UP for state in listed),
    )


def plan_run(workflow: WorkflowDefinition, bypass: Collection[str] = ()) -> dict[str, PlannedStep]:
    """Return how the steps of a new run stand.

    Args:
        workflow: a checked definition.
        bypass: names of skippable steps that are not to run (decisions.md section 8).

    Raises:
        ValidationFailed: a bypassed step does not exist or is not skippable.
    """
    _check_bypass(workflow, bypass)
    states = {
        name: StepState.SKIPPED if name in bypass else StepState.PENDING
        for name in workflow.parents
    }
    return stand(workflow, states)


def stand(workflow: WorkflowDefinition, states: Mapping[str, StepState]) -> dict[str, PlannedStep]:
    """Recount the unsatisfied parents of every step and free the pending ones that have none."""
    planned: dict[str, PlannedStep] = {}
    for name, parents in workflow.parents.items():
        missing = sum(states[parent] not in STEP_SATISFIED for parent in parents)
        state = states[name]
        if state is StepState.PENDING and missing == 0:
            state = StepState.READY
        planned[name] = PlannedStep(state, missing)
    return planned


def plan_rerun(
    workflow: WorkflowDefinition, states: Mapping[str, StepState], start: str
) -> dict[str, PlannedStep]:
    """Return how the steps of a new run stand that does an earlier one again from a step on.

    That step and all below it run; so does what the earlier run has no result for, and what
    stands below such a step.

    Args:
        workflow: definition of the new run; it may be another version.
        states: of the steps of the earlier run.
        start: where to begin.

    Raises:
        ValidationFailed: no such step, or one before it has no result to keep.
    """
    if start not in workflow.positions:
        problem = f"'{start}' is not a step of {workflow.full_name}"
        raise ValidationFailed("The run cannot begin there", {"from_step": [problem]})
    before = descendants_of(start, workflow.parents)
    missing = [name for name in workflow.order if name in before and not _is_kept(states, name)]
    if missing:
        problem = f"'{missing[0]}', which stands before '{start}', has no result in that run"
        raise ValidationFailed("The run cannot begin there", {"from_step": [problem]})
    again = {start, *descendants_of(start, workflow.children)}
    for name in workflow.order:
        if not _is_kept(states, name) or again.intersection(workflow.parents[name]):
            again.add(name)
    planned = {
        name: StepState.PENDING if name in again else states[name] for name in workflow.parents
    }
    return stand(workflow, planned)


def _is_kept(states: Mapping[str, StepState], name: str) -> bool:
    return states.get(name) in STEP_SATISFIED


def reset_from(
    workflow: WorkflowDefinition, states: Mapping[str, StepState], start: str | None
) -> dict[str, PlannedStep]:
    """Return how the steps stand after a retry: what completed is kept.

    Args:
        workflow: definition of the run.
        states: of its steps, none of them active.
        start: a step that is to run again with everything below it; None resets what did not
            complete.
    """
    again = {name for name, state in states.items() if state not in STEP_SATISFIED}
    if start is not None:
        again |= {start, *descendants_of(start, workflow.children)}
    return stand(
        workflow,
        {name: StepState.PENDING if name in again else state for name, state in states.items()},
    )


def free_children(
    workflow: WorkflowDefinition, satisfied: Iterable[str], pending: Mapping[str, int]
) -> dict[str, int]:
    """Return the new number of unsatisfied parents of each child of `satisfied` steps.

    Args:
        workflow: definition of the run.
        satisfied: steps that have just become satisfied.
        pending: unsatisfied parents of the children that still wait; others are left out.
    """
    left = dict(pending)
    for name in satisfied:
        for child in workflow.children[name]:
            if child in left:
                left[child] -= 1
    return left


def signal_for_run(counters: Counters) -> RunSignal:
    """Tell what the steps' states mean for their run.

    A run fails when a step failed for good and nothing else can run any more, so that
    independent branches still come to their end.
    """
    if counters.active:
        return RunSignal.START
    if counters.backoff:
        return RunSignal.BACK_OFF
    if counters.failed:
        return RunSignal.FAIL
    return RunSignal.COMPLETE if counters.open == 0 else RunSignal.WAIT


@dataclass(frozen=True, slots=True)
class StepDecision:
    """What an attempt's end means for its step."""

    signal: StepSignal  #: what happens to the step
    delay_s: float = 0.0  #: with BACK_OFF: seconds until it is ready again
    counts: bool = True  #: the attempt counts against the limit


def decide_step(
    policy: RetryPolicy,
    outcome: Outcome,
    *,
    failures: int,
    losses: int,
    skippable: bool,
    random: float,
    chosen: RetryDecision | None = None,
) -> StepDecision:
    """Decide what an attempt's end means for its step.

    Args:
        policy: retry policy of the step.
        outcome: how the attempt ended.
        failures: earlier attempts that counted against the limit.
        losses: earlier attempts lost with their worker.
        skippable: a final failure skips the step instead of failing it.
        random: uniform in 0 to 1, for the jitter.
        chosen: by a plugin, in place of the policy; not of a lost attempt.
    """
    if isinstance(outcome, Completed):
        return StepDecision(StepSignal.SUCCEED)
    is_lost = outcome.kind is FailureKind.LOST
    decision = (None if is_lost else chosen) or decide_retry(
        policy,
        outcome,
        failures=failures + (not is_lost),
        losses=losses + is_lost,
        random=random,
    )
    if decision.retry:
        return StepDecision(StepSignal.BACK_OFF, decision.delay_s, counts=not is_lost)
    return StepDecision(StepSignal.SKIP if skippable else StepSignal.FAIL, counts=not is_lost)


def run_result(workflow: WorkflowDefinition, results: Mapping[str, Any]) -> Any:
    """Return a run's result from the results of its steps (decisions.md section 3).

    Args:
        workflow: definition of the run.
        results: step name to JSON value; skipped steps give `{"skipped": true}`.
    """
    if workflow.result_step is not None:
        return results.get(workflow.result_step)
    return {leaf: results.get(leaf) for leaf in workflow.leaves}


def unknown_outcome(failure: Failed) -> Failed:
    """Return what a lost attempt of a step that is unsafe to repeat ends in."""
    return Failed(
        kind=failure.kind,
        error_type=failure.error_type,
        code="OUTCOME_UNKNOWN",
        message="failed: outcome unknown; the worker was lost after the step had started "
        "and the step is unsafe to repeat",
    )


def _check_bypass(workflow: WorkflowDefinition, bypass: Collection[str]) -> None:
    problems = []
    for name in bypass:
        if name not in workflow.positions:
            problems.append(f"'{name}' is not a step of {workflow.full_name}")
        elif not workflow.step(name).skippable:
            problems.append(f"step '{name}' is not skippable")
    if problems:
        raise ValidationFailed("These steps cannot be bypassed", {"bypass_steps": problems})
