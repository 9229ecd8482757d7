"""The scheduler process: fires schedules when they are due. Any number may run, on any hosts.

What is due, and that it fires once, is the engine's and the database's affair
(docs/reference/schedules.md); here is only the waiting.
"""

from __future__ import annotations

from ratchet_core.scheduler.run import run_scheduler

__all__ = ["run_scheduler"]
