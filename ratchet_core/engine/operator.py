"""The verbs of operators over one database: a sentence and a call each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratchet_core.domain.step_change import StepChange
from ratchet_core.domain.views import RunView
from ratchet_core.engine import amend, by_hand
from ratchet_core.engine.core import Core
from ratchet_core.store.reads import Reads


class Operator:
    """What a person does to runs and steps that need one.

    Steps are named by their name or their id. All raise `RunNotFound`, `StepNotFound`, and
    `Conflict` where the state does not allow it.
    """

    def __init__(self, core: Core, reads: Reads) -> None:
        self._core = core
        self._reads = reads

    def resolve(self, run_id: str, by: str, reason: str | None = None) -> RunView:
        """Settle a failed or cancelled run by hand."""
        amend.resolve_run(self._core, run_id, by, reason)
        return self._reads.run(run_id)

    def reset(self, run_id: str, by: str, reason: str | None = None) -> RunView:
        """Set a failed or cancelled run back to its start: every step runs again."""
        amend.reset_run(self._core, run_id, by, reason)
        return self._reads.run(run_id)

    def update(self, run_id: str, changes: Mapping[str, Any], by: str) -> RunView:
        """Change keys of a run's origin; None takes one away."""
        amend.update_run(self._core, run_id, changes, by)
        return self._reads.run(run_id)

    def annotate(self, run_id: str, kind: str, value: Any, by: str) -> str:
        """Note something about a run; return the id of the annotation."""
        return amend.annotate(self._core, run_id, kind, value, by)

    def remove_annotation(self, run_id: str, annotation_id: str) -> None:
        """Take an annotation away."""
        amend.remove_annotation(self._core, run_id, annotation_id)

    def edit_step(self, run_id: str, step: str, change: StepChange, by: str) -> None:
        """Change definition or input of a step that does not run, for this run alone."""
        amend.edit_step(self._core, run_id, step, change, by)

    def cancel_step(self, run_id: str, step: str, by: str, reason: str | None = None) -> None:
        """Stop one step; those below it wait for what an operator does about it."""
        by_hand.cancel_step(self._core, run_id, step, by, reason)

    def retry_step(self, run_id: str, step: str, by: str, reason: str | None = None) -> None:
        """Run one failed, cancelled or waiting step again."""
        by_hand.retry_step(self._core, run_id, step, by, reason)

    def resolve_step(self, run_id: str, step: str, by: str, reason: str | None = None) -> None:
        """Settle a step that does not run; what waits for it goes on."""
        by_hand.resolve_step(self._core, run_id, step, by, reason)

    def complete_step(
        self, run_id: str, step: str, result: Any, by: str, reason: str | None = None
    ) -> None:
        """Give a step the result that it has not given itself."""
        by_hand.complete_step(self._core, run_id, step, result, by, reason)
