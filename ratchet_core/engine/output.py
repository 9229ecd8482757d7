"""The result of a run: which steps' results make it, and whether it matches the output schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from ratchet_core.domain.outcome import Completed, Failed, cut
from ratchet_core.domain.plan import run_result
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.engine.work import Finished
from ratchet_core.registry.schema import InputValidator
from ratchet_core.store import frames
from ratchet_core.store.database import Tx


def checked_outcome(core: Core, item: Finished) -> Finished:
    """Fail the attempt whose result would be the run's result but breaks the output schema."""
    workflow = item.assignment.workflow
    outcome = item.outcome
    unchecked = workflow.output_schema is None or not core.validate_schemas
    if unchecked or not isinstance(outcome, Completed):
        return item
    if workflow.result_step != item.assignment.step.name:
        return item
    schema = workflow.output_schema or {}
    problems = InputValidator(schema).check(orjson.loads(outcome.result))
    if not problems:
        return item
    failure = Failed(
        error_type="ValidationError",
        code="OUTPUT_INVALID",
        message=cut(f"the output does not match the output schema: {_first(problems)}"),
        retryable=False,
        details={"problems": problems},
    )
    return replace(item, outcome=failure)


def result_of_run(
    core: Core, tx: Tx, run_id: str, workflow: WorkflowDefinition, at_hand: Mapping[str, str]
) -> tuple[str | None, dict[str, Any] | None]:
    """Return a completed run's result as JSON text, or the error that its schema finds.

    Args:
        core: the shared parts.
        tx: the transaction that completes the run.
        run_id: of the run.
        workflow: its definition.
        at_hand: JSON results of the steps that this transaction completes.
    """
    if workflow.result_step is not None and workflow.result_step in at_hand:
        return at_hand[workflow.result_step], None
    names = [workflow.result_step] if workflow.result_step is not None else workflow.leaves
    missing = [name for name in names if name not in at_hand]
    stored = frames.results_by_name(tx, run_id, missing) if missing else {}
    texts = {name: at_hand.get(name) or stored.get(name) or "null" for name in names}
    if workflow.result_step is not None:
        return texts[workflow.result_step], None
    results = {name: orjson.loads(text) for name, text in texts.items()}
    result = run_result(workflow, results)
    if workflow.output_schema is not None and core.validate_schemas:
        problems = InputValidator(workflow.output_schema).check(result)
        if problems:
            return None, {
                "type": "ValidationError",
                "code": "OUTPUT_INVALID",
                "message": cut(f"the output does not match the output schema: {_first(problems)}"),
            }
    return orjson.dumps(result).decode(), None


def _first(problems: Mapping[str, list[str]]) -> str:
    path, messages = next(iter(problems.items()))
    return f"{path or 'output'}: {messages[0]}"
