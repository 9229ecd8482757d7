"""What the process tells about itself: log lines with context, secrets masked.

Settings are handed in; nothing here reads a file or the environment.
"""

from __future__ import annotations

from ratchet_core.telemetry.context import begin, bind, bind_late, bound, end
from ratchet_core.telemetry.setup import LoggingPlan, TargetPlan, configure_logging

__all__ = [
    "LoggingPlan",
    "TargetPlan",
    "begin",
    "bind",
    "bind_late",
    "bound",
    "configure_logging",
    "end",
]
