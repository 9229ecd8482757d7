"""Workers: the supervisor of a host, its work-horses, and the drain that each of them runs.

A drain claims ready steps, calls their handlers and concludes them (docs/explanation/workers.md).
The rules about runs and steps are the engine's; how processes are hosted by RQ is `dispatch`'s.
The entries are in `run`; the room itself imports nothing, because `process` and
`wakeup` are for others, too.
"""

from __future__ import annotations
