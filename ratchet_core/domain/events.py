"""Names of the events that runs and steps go through; each is written once, with its cause.

The journal in the database holds them in order; subscribers get them after the commit.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ratchet_core.domain.states import RunState, StepState


class EventName(StrEnum):
    """The catalogue of the engine's own events."""

    RUN_CREATED = "run.created"  #: accepted and stored
    RUN_STARTED = "run.started"  #: its first step started
    RUN_RETRYING = "run.retrying"  #: nothing runs, a step waits for its back-off
    RUN_COMPLETED = "run.completed"  #: result final
    RUN_FAILED = "run.failed"  #: nothing more can run
    RUN_CANCELLED = "run.cancelled"  #: stopped on request
    RUN_RETRIED = "run.retried"  #: set going again by an operator
    RUN_RESOLVED = "run.resolved"  #: settled by an operator
    RUN_PAUSED = "run.paused"  #: nothing of it starts until it is resumed
    RUN_RESUMED = "run.resumed"  #: goes on after a pause
    RUN_UPDATED = "run.updated"  #: an operator changed its reason or tags
    STEP_STARTED = "step.started"  #: an attempt is under way
    STEP_COMPLETED = "step.completed"  #: result applied
    STEP_RETRYING = "step.retrying"  #: attempt failed, another will follow
    STEP_FAILED = "step.failed"  #: no attempt left
    STEP_SKIPPED = "step.skipped"  #: bypassed, or failed though skippable
    STEP_CANCELLED = "step.cancelled"  #: stopped with its run
    STEP_RESOLVED = "step.resolved"  #: settled by an operator
    STEP_RESET = "step.reset"  #: set back by an operator, to run again
    STEP_UPDATED = "step.updated"  #: an operator changed its definition or input
    STEP_PROGRESS = "step.progress"  #: the handler told how far it is
    ATTEMPT_STALE = "attempt.stale"  #: a result came too late and was applied to nothing
    DELIVERY_DELIVERED = "delivery.delivered"  #: an output has arrived at a destination
    DELIVERY_RETRYING = "delivery.retrying"  #: an attempt to deliver failed, another will follow
    DELIVERY_FAILED = "delivery.failed"  #: an output was put aside undelivered
    SCHEDULE_CREATED = "schedule.created"  #: stored, by a caller or out of a file
    SCHEDULE_UPDATED = "schedule.updated"  #: some of its fields were changed
    SCHEDULE_PAUSED = "schedule.paused"  #: disabled: it fires no more
    SCHEDULE_RESUMED = "schedule.resumed"  #: enabled again
    SCHEDULE_DELETED = "schedule.deleted"  #: its runs stay
    SCHEDULE_FIRED = "schedule.fired"  #: it made the run that the event belongs to
    SCHEDULE_MISSED = "schedule.missed"  #: fire times have made no run
    PLUGIN_QUARANTINED = "plugin.quarantined"  #: called no more in one process
    PLUGIN_RECOVERED = "plugin.recovered"  #: called again in that process


#: The event that entering a run state writes; PENDING and PAUSED have events of their own verbs.
RUN_EVENTS: Final = MappingProxyType(
    {
        RunState.RUNNING: EventName.RUN_STARTED,
        RunState.RETRYING: EventName.RUN_RETRYING,
        RunState.COMPLETED: EventName.RUN_COMPLETED,
        RunState.FAILED: EventName.RUN_FAILED,
        RunState.CANCELLED: EventName.RUN_CANCELLED,
        RunState.RESOLVED: EventName.RUN_RESOLVED,
    }
)

#: The event that entering a step state writes.
STEP_EVENTS: Final = MappingProxyType(
    {
        StepState.RUNNING: EventName.STEP_STARTED,
        StepState.COMPLETED: EventName.STEP_COMPLETED,
        StepState.BACKOFF: EventName.STEP_RETRYING,
        StepState.FAILED: EventName.STEP_FAILED,
        StepState.SKIPPED: EventName.STEP_SKIPPED,
        StepState.CANCELLED: EventName.STEP_CANCELLED,
        StepState.RESOLVED: EventName.STEP_RESOLVED,
    }
)
