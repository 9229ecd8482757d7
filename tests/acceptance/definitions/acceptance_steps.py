"""Steps that do what a test tells them: by their input, and by files that the test makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ratchet_core.sdk import (
    AttemptCancelled,
    PermanentError,
    RetryableError,
    StepContext,
    StepHandler,
)

#: Pause between two looks at a file, in seconds.
LOOK_S = 0.02


class Echo(StepHandler):
    """Gives the run's input back."""

    name = "Acceptance::Echo"

    def process(self, context: StepContext) -> Any:
        """Return the input, unchanged."""
        return context.input


class Validate(StepHandler):
    """The first step of the seed's example."""

    name = "Acceptance::Validate"

    def process(self, context: StepContext) -> Any:
        """Return what the seed shows."""
        return {"valid": True, "validation_id": "val_123"}


class Gate(StepHandler):
    """Waits for the file that the input names as `gate`."""

    name = "Acceptance::Gate"

    def process(self, context: StepContext) -> Any:
        """Return once the file is there, or when the run is cancelled."""
        gate = Path(context.input["gate"])
        context.progress(0.5)
        while not gate.exists():
            if context.stop.wait(LOOK_S):
                Path(f"{gate}.stopped").touch()
                raise AttemptCancelled("asked to stop")
        return {"opened": True}


class Fragile(StepHandler):
    """Fails for good until the file that the input names as `repaired` exists."""

    name = "Acceptance::Fragile"

    def process(self, context: StepContext) -> Any:
        """Return the input once it is repaired."""
        if not Path(context.input["repaired"]).exists():
            raise PermanentError("it is broken", code="BROKEN")
        return context.input


class Unlucky(StepHandler):
    """Fails its first attempt in a way that is tried again."""

    name = "Acceptance::Unlucky"

    def process(self, context: StepContext) -> Any:
        """Return the number of the attempt that went well."""
        if context.attempt == 1:
            raise RetryableError("try later", retry_after_s=float(context.input.get("after_s", 0)))
        return {"attempt": context.attempt}


class Crash(StepHandler):
    """Raises what no author planned."""

    name = "Acceptance::Crash"

    def process(self, context: StepContext) -> Any:
        """Raise an error with a traceback of its own."""
        raise ZeroDivisionError("division by zero")
