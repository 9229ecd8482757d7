"""Workers: the supervisor of a host, its work-horses, and the drain that each of them runs.

A drain claims ready steps, calls their handlers and concludes them (docs/explanation/workers.md).
The rules about runs and steps are the engine's; how processes are hosted by RQ is `dispatch`'s.
"""

from __future__ import annotations

from ratchet_core.worker.run import run_inline, run_worker

__all__ = ["run_inline", "run_worker"]
