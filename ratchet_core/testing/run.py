"""A run as a test looks at it: every look reads the database anew."""

from __future__ import annotations

from typing import Any, Final

from ratchet_core.domain.delivery import DeliveryAttemptView, DeliveryQuery, DeliveryView
from ratchet_core.domain.log import LogQuery
from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.views import AttemptView, ErrorView, RunView, StepView
from ratchet_core.runtime import Ratchet

_ALL: Final = Window(limit=1000, order="asc")


class SubmittedRun:
    """One stored run.

    Args:
        runtime: where it is stored.
        run_id: UUIDv7.
    """

    def __init__(self, runtime: Ratchet, run_id: str) -> None:
        self._runtime = runtime
        self.id = run_id

    def __repr__(self) -> str:
        return f"<run {self.id} {self.status}>"

    @property
    def view(self) -> RunView:
        """Everything that is stored of the run itself."""
        return self._runtime.reads.run(self.id)

    @property
    def status(self) -> str:
        """Its state: pending, running, retrying, paused, completed, failed, cancelled, …."""
        return self.view.state.value

    @property
    def result(self) -> Any:
        """Its result as a JSON value; None until it has completed."""
        return self.view.result

    @property
    def error(self) -> ErrorView | None:
        """Why it failed: `code`, `type`, `message`, `step`."""
        return self.view.error

    @property
    def steps(self) -> dict[str, StepView]:
        """Its steps by name."""
        return {step.name: step for step in self._runtime.reads.steps(self.id)}

    @property
    def attempts(self) -> tuple[AttemptView, ...]:
        """Every attempt at every step, oldest first."""
        return self._runtime.reads.attempts(AttemptQuery(run_id=self.id), _ALL).items

    @property
    def logs(self) -> tuple[str, ...]:
        """What its steps have logged, in order, without levels."""
        page = self._runtime.reads.logs.after(LogQuery(run_id=self.id), 0, 10_000)
        return tuple(line.message for line in page)

    @property
    def events(self) -> tuple[str, ...]:
        """Names of its events, in order: `run.created`, `step.started`, …."""
        return tuple(event.name for event in self._runtime.reads.events(self.id, limit=10_000))

    @property
    def deliveries(self) -> tuple[DeliveryView, ...]:
        """Where its output goes, and how far that has come; there are none before `drain`."""
        return self._runtime.reads.deliveries.page(DeliveryQuery(run_id=self.id), _ALL).items

    def delivery_attempts(self, delivery_id: str) -> tuple[DeliveryAttemptView, ...]:
        """Return the attempts of one delivery that have ended, first to last."""
        return self._runtime.reads.deliveries.attempts(delivery_id)

    def cancel(self) -> None:
        """Cancel it, as a caller does."""
        self._runtime.engine.cancel(self.id, "test")
