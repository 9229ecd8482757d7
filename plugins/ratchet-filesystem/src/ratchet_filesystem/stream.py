"""The output destination `stdio`: a line, or more, per delivery on a standard stream."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from ratchet_core.sdk import Delivered, DeliveryOutcome, DeliveryView, OutputDestination
from ratchet_filesystem.formats import formatted, problems

_KEYS: Final = (
    *("stream", "format", "template", "include_metadata", "line_buffered", "prefix"),
    *("retry_policy", "timeout_seconds"),
)
_STREAMS: Final = ("stdout", "stderr")


class StdioDestination(OutputDestination):
    """Writes outputs to the standard streams of the process that delivers."""

    name: ClassVar[str] = "stdio"
    named_by_runs: ClassVar[bool] = False

    def __init__(self) -> None:
        self._writing = threading.Lock()  # lines of two deliveries must not mix

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        found = [
            f"{key}: unknown key; there are {', '.join(_KEYS)}"
            for key in options
            if key not in _KEYS
        ]
        if options.get("stream", "stdout") not in _STREAMS:
            found.append(f"stream: must be one of {', '.join(_STREAMS)}")
        return [*found, *problems(options)]

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Write one output."""
        options = delivery.options
        if options.get("include_metadata", False):
            text = orjson.dumps(_with_metadata(delivery))
        else:
            text = formatted(delivery, options, "json_compact")
        line = str(options.get("prefix", "")).encode() + text.rstrip(b"\n") + b"\n"
        stream = sys.stderr if options.get("stream") == "stderr" else sys.stdout
        with self._writing:
            stream.buffer.write(line)
            stream.flush()
        return Delivered(details={"bytes": len(line)})


def _with_metadata(delivery: DeliveryView) -> dict[str, Any]:
    return {
        "delivery_id": delivery.id,
        "job_id": delivery.run.id,
        "workflow": f"{delivery.run.namespace}.{delivery.run.workflow}@{delivery.run.version}",
        "status": delivery.state,
        "completed_at": delivery.created_at.isoformat(timespec="milliseconds"),
        "output": delivery.output,
    }
