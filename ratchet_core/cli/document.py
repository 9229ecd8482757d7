"""The JSON documents of definitions and runs that commands print with `--json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratchet_core.domain.log import LogView
from ratchet_core.domain.views import ErrorView, RunView, StepView
from ratchet_core.domain.why import Why
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.registry.found import DefinitionProblem


def problem_document(problem: DefinitionProblem) -> dict[str, Any]:
    """Return one problem of a definition."""
    return {
        "file": problem.file,
        "line": problem.line,
        "place": problem.place,
        "reason": problem.reason,
    }


def workflow_document(definition: WorkflowDefinition) -> dict[str, Any]:
    """Return what people want to know about a definition."""
    return {
        "full_name": definition.full_name,
        "namespace": definition.namespace,
        "name": definition.name,
        "version": definition.version,
        "uuid": definition.uuid,
        "label": label_of(definition),
        "description": definition.description,
        "steps": [
            {"name": step.name, "handler": step.handler, "depends_on": list(step.depends_on)}
            for step in definition.steps
        ],
    }


def label_of(definition: WorkflowDefinition) -> str:
    """Return the label that the author gave, else the name."""
    return str(definition.attributes.get("label") or definition.name)


def error_document(error: ErrorView | None) -> Mapping[str, Any] | None:
    """Return why something failed."""
    if error is None:
        return None
    return {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "step": error.step,
        "attempt": error.attempt,
        "details": error.details,
    }


def run_document(run: RunView, steps: Iterable[StepView] = ()) -> dict[str, Any]:
    """Return a run, with its steps where they are given."""
    document: dict[str, Any] = {
        "id": run.id,
        "workflow": run.full_name,
        "state": run.state.value,
        "input": run.input,
        "result": run.result,
        "error": error_document(run.error),
        "progress": run.progress,
        "priority": run.priority,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
    }
    listed = [step_document(step) for step in steps]
    return document | {"steps": listed} if listed else document


def step_document(step: StepView) -> dict[str, Any]:
    """Return a step of a run."""
    return {
        "id": step.id,
        "name": step.name,
        "state": step.state.value,
        "handler": step.handler,
        "depends_on": list(step.depends_on),
        "attempts": step.attempts,
        "result": step.result,
        "error": error_document(step.error),
        "ready_at": step.ready_at,
        "started_at": step.started_at,
        "completed_at": step.completed_at,
    }


def why_document(why: Why) -> dict[str, Any]:
    """Return what keeps a run."""
    return {
        "run_id": why.run.id,
        "state": why.run.state.value,
        "summary": why.summary,
        "reasons": [
            {
                "cause": reason.cause.value,
                "message": reason.message,
                "remedy": reason.remedy,
                "step": reason.step,
                "until": reason.until,
                "parents": list(reason.parents),
                "worker": None if reason.drain is None else reason.drain.worker,
            }
            for reason in why.reasons
        ],
        "omitted": why.omitted,
        "at": why.now,
    }


def line_document(line: LogView) -> dict[str, Any]:
    """Return a line of a log as `--json` prints it."""
    return {
        "sequence": line.sequence,
        "at": line.at,
        "level": line.level,
        "message": line.message,
        "logger": line.logger,
        "run_id": line.run_id,
        "workflow": f"{line.namespace}.{line.workflow}",
        "step": line.step,
        "attempt": line.attempt,
    }
