"""What can be paused besides a run, and what a paused run waits for."""

from __future__ import annotations

from enum import StrEnum


class PauseKind(StrEnum):
    """What one pause holds."""

    QUEUE = "queue"  #: nothing is claimed from it
    WORKFLOW = "workflow"  #: its runs are parked as soon as one of their steps is claimed
    RESUMING = "resuming"  #: of a workflow that goes on: some of its runs are still parked


class Awaited(StrEnum):
    """What a paused run waits for."""

    RUN = "resume"  #: somebody resumes the run
    WORKFLOW = "resume of its workflow"  #: somebody resumes the workflow
