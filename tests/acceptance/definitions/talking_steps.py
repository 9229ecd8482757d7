"""A step that logs in every way that Python knows, with a pause in between."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ratchet_core.sdk import StepContext, StepHandler

#: Pause between two looks at a file, in seconds.
LOOK_S = 0.02


class Talk(StepHandler):
    """Logs, waits for the file that the input names as `gate`, and logs again."""

    name = "Acceptance::Talk"

    def process(self, context: StepContext) -> Any:
        """Return nothing; everything is in the log."""
        context.log.info("working on %s", context.input["word"])
        logging.getLogger("shop.stock").warning("password=hunter22 for %s", context.input["word"])
        gate = Path(context.input["gate"])
        while not gate.exists():
            if context.stop.wait(LOOK_S):
                return
        context.log.error("done with %s", context.input["word"])
