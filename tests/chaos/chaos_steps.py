"""Steps of the chaos test: each writes to a ledger that no part of Ratchet knows."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from ratchet_core.sdk import PermanentError, RetryableError, StepContext, StepHandler

_LEDGER = Path(os.environ.get("CHAOS_LEDGER", os.devnull))


def _note(context: StepContext, what: str) -> None:
    """Append one line; lines this short are written whole."""
    line = f"{what} {context.run.id} {context.step.name} {context.attempt} {time.monotonic_ns()}\n"
    descriptor = os.open(_LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Work(StepHandler):
    """Takes a moment, fails now and then, and tells the ledger."""

    name = "chaos"

    def process(self, context: StepContext) -> object:
        """Do as the step's configuration says, with a chance that depends on nothing else."""
        _note(context, "start")
        dice = random.Random(f"{context.run.id}{context.step.name}{context.attempt}")
        if dice.random() < context.config.get("slow", 0.05):
            time.sleep(dice.random() * 0.15)
        if dice.random() < context.config.get("flaky", 0):
            raise RetryableError("once more", retry_after_s=dice.random() / 2)
        if context.config.get("broken"):
            raise PermanentError("as it was told")
        _note(context, "end")
        parents = sorted(context.results)
        return {"step": context.step.name, "attempt": context.attempt, "parents": parents}
