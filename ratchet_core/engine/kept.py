"""What a rerun from a step keeps of the run that it does again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ratchet_core.domain.plan import PlannedStep, plan_rerun, plan_run
from ratchet_core.domain.states import STEP_SATISFIED
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.store import frames
from ratchet_core.store.database import Tx


@dataclass(frozen=True, slots=True)
class FirstPlan:
    """How the steps of a new run stand."""

    steps: Mapping[str, PlannedStep]  #: by name, in definition order
    results: Mapping[str, str | None]  #: JSON results that are taken over, by step


def first_plan(tx: Tx, workflow: WorkflowDefinition, request: SubmitRequest) -> FirstPlan:
    """Plan a new run.

    Raises:
        ValidationFailed: a step that is to be bypassed, or to be begun with, cannot be.
    """
    if request.rerun_of is None or request.from_step is None:
        return FirstPlan(plan_run(workflow, request.bypass_steps), {})
    known = frames.steps_of_run(tx, request.rerun_of)
    plan = plan_rerun(workflow, {step.name: step.state for step in known}, request.from_step)
    kept = [name for name, step in plan.items() if step.state in STEP_SATISFIED]
    return FirstPlan(plan, frames.results_by_name(tx, request.rerun_of, kept))
