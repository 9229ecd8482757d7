"""The catalogue of events: a dataclass per event, each field documented; docs are made from it.

An event is an entry of the journal, so it is written once, with its cause, in one transaction,
and subscribers get it after the commit. Names outside the catalogue are custom events of steps,
and of plugins' own makers; they come as plain `Event`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ratchet_core.domain.events import EventName
from ratchet_core.domain.views import EventView

#: First parts of names that no custom event may have.
RESERVED: Final = ("run", "step", "attempt", "delivery", "schedule", "plugin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened and is stored."""

    name: str  #: such as `step.completed`
    sequence: int  #: its place in the journal: grows, and is the same whenever it is delivered
    at: datetime  #: when it was written; aware UTC
    run_id: str | None = None  #: of the run; None where it belongs to none
    step: str | None = None  #: name of the step, for a step's event
    data: Mapping[str, Any] = field(default_factory=dict)  #: everything that came with it, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreated(Event):
    """A run was accepted and stored; from here on it is never lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The first step of a run started, or a run goes on after its back-off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetrying(Event):
    """Nothing of the run runs, and a step waits for its back-off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(Event):
    """All steps are done and the result is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """A step failed for good and nothing more can run."""

    error: Mapping[str, Any] | None = None  #: type, code, message, step, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Event):
    """The run was stopped on request."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRetried(Event):
    """An operator set the run going again."""

    by: str | None = None  #: who asked
    from_step: str | None = None  #: the step from which everything runs again


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResolved(Event):
    """An operator settled the run."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Event):
    """Nothing of the run starts until it is resumed."""

    by: str | None = None  #: who asked; None where the run waits for something
    awaited: str | None = None  #: what is awaited, where nobody asked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """The run goes on after a pause."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdated(Event):
    """An operator changed the reason or the tags of a run."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """An attempt is under way. Steps that end within milliseconds have only their end."""

    attempt: int | None = None  #: number of the attempt, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(Event):
    """The step's result was applied."""

    attempt: int | None = None  #: number of the attempt, from 1
    duration_us: int | None = None  #: microseconds that the step handler took


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetrying(Event):
    """An attempt failed and another will follow."""

    attempt: int | None = None  #: number of the attempt that failed, from 1
    duration_us: int | None = None  #: microseconds that the step handler took
    error: Mapping[str, Any] | None = None  #: type, code, message, attempt
    delay_s: float | None = None  #: seconds until the next attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """An attempt failed and no other will follow."""

    attempt: int | None = None  #: number of the attempt, from 1
    duration_us: int | None = None  #: microseconds that the step handler took
    error: Mapping[str, Any] | None = None  #: type, code, message, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(Event):
    """The step was bypassed, or failed though skippable: its children go on."""

    attempt: int | None = None  #: number of the attempt that failed; None where it was bypassed
    error: Mapping[str, Any] | None = None  #: why it failed; None where it was bypassed


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled(Event):
    """The step was stopped with its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResolved(Event):
    """An operator settled the step."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReset(Event):
    """An operator set the step back, to run again."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpdated(Event):
    """An operator changed the step's definition or input."""

    by: str | None = None  #: who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress(Event):
    """The step handler told how far it is; many of them may come, or none."""

    progress: float | None = None  #: of the step, 0 to 1
    run_progress: float | None = None  #: of the run, 0 to 1
    message: str | None = None  #: what is going on, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStale(Event):
    """A result came too late and was applied to nothing."""

    attempt_id: str | None = None  #: UUIDv7 of the attempt
    token: int | None = None  #: fencing token of its claim


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDelivered(Event):
    """The output of a run has arrived at a destination."""

    delivery_id: str | None = None  #: UUIDv7 of the delivery
    destination: str | None = None  #: name of the destination
    attempt: int | None = None  #: number of the attempt, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRetrying(Event):
    """An attempt to deliver an output failed, and another will follow."""

    delivery_id: str | None = None  #: UUIDv7 of the delivery
    destination: str | None = None  #: name of the destination
    attempt: int | None = None  #: number of the attempt, from 1
    error: Mapping[str, Any] | None = None  #: code, message
    delay_s: float | None = None  #: seconds until the next attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(Event):
    """An output was put aside undelivered: no attempt is left, or none would help."""

    delivery_id: str | None = None  #: UUIDv7 of the delivery
    destination: str | None = None  #: name of the destination
    attempt: int | None = None  #: number of the attempt, from 1
    error: Mapping[str, Any] | None = None  #: code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEvent(Event):
    """Something happened to a schedule."""

    schedule_id: str | None = None  #: UUIDv7 of the schedule
    schedule: str | None = None  #: its name; None where it has none
    namespace: str | None = None  #: of its workflow
    workflow: str | None = None  #: whose runs it makes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCreated(ScheduleEvent):
    """A schedule was stored, by a caller or out of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleUpdated(ScheduleEvent):
    """Fields of a schedule were changed, by a caller or because its file has changed."""

    changed: Sequence[str] | None = None  #: names of the fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePaused(ScheduleEvent):
    """A schedule was disabled: it fires no more until it is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleResumed(ScheduleEvent):
    """A schedule was enabled again, and goes on with its next fire time from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDeleted(ScheduleEvent):
    """A schedule is gone; its runs stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFired(ScheduleEvent):
    """A schedule made the run of `run_id`; comes after its `run.created`."""

    scheduled_for: str | None = None  #: the fire time, ISO 8601 in UTC; None for a trigger
    by: str | None = None  #: who triggered it; None for a fire time


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleMissed(ScheduleEvent):
    """Fire times have made no run; those that `catchup` leaves out are not told."""

    count: int | None = None  #: of fire times
    problem: str | None = None  #: why no run could be made; None where `overlap` forbade it


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginQuarantined(Event):
    """A plugin is called no more in one process, for good or until a blocked call has ended."""

    plugin: str | None = None  #: its name
    reason: str | None = None  #: why
    process: str | None = None  #: host and number of the process, and what it does


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecovered(Event):
    """The blocked call of a plugin has ended, and it is called again in that process."""

    plugin: str | None = None  #: its name
    process: str | None = None  #: host and number of the process, and what it does


#: Every event of the engine's own, by its name.
CATALOGUE: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {
        EventName.RUN_CREATED: RunCreated,
        EventName.RUN_STARTED: RunStarted,
        EventName.RUN_RETRYING: RunRetrying,
        EventName.RUN_COMPLETED: RunCompleted,
        EventName.RUN_FAILED: RunFailed,
        EventName.RUN_CANCELLED: RunCancelled,
        EventName.RUN_RETRIED: RunRetried,
        EventName.RUN_RESOLVED: RunResolved,
        EventName.RUN_PAUSED: RunPaused,
        EventName.RUN_RESUMED: RunResumed,
        EventName.RUN_UPDATED: RunUpdated,
        EventName.STEP_STARTED: StepStarted,
        EventName.STEP_COMPLETED: StepCompleted,
        EventName.STEP_RETRYING: StepRetrying,
        EventName.STEP_FAILED: StepFailed,
        EventName.STEP_SKIPPED: StepSkipped,
        EventName.STEP_CANCELLED: StepCancelled,
        EventName.STEP_RESOLVED: StepResolved,
        EventName.STEP_RESET: StepReset,
        EventName.STEP_UPDATED: StepUpdated,
        EventName.STEP_PROGRESS: StepProgress,
        EventName.ATTEMPT_STALE: AttemptStale,
        EventName.DELIVERY_DELIVERED: DeliveryDelivered,
        EventName.DELIVERY_RETRYING: DeliveryRetrying,
        EventName.DELIVERY_FAILED: DeliveryFailed,
        EventName.SCHEDULE_CREATED: ScheduleCreated,
        EventName.SCHEDULE_UPDATED: ScheduleUpdated,
        EventName.SCHEDULE_PAUSED: SchedulePaused,
        EventName.SCHEDULE_RESUMED: ScheduleResumed,
        EventName.SCHEDULE_DELETED: ScheduleDeleted,
        EventName.SCHEDULE_FIRED: ScheduleFired,
        EventName.SCHEDULE_MISSED: ScheduleMissed,
        EventName.PLUGIN_QUARANTINED: PluginQuarantined,
        EventName.PLUGIN_RECOVERED: PluginRecovered,
    }
)

_OF_EVENT: Final = frozenset(item.name for item in dataclasses.fields(Event))
#: Fields that each class adds to `Event`.
_OWN: Final = {
    kind: tuple(item.name for item in dataclasses.fields(kind) if item.name not in _OF_EVENT)
    for kind in CATALOGUE.values()
}


def event_of(view: EventView) -> Event:
    """Return an entry of the journal as an event of the catalogue, or as a plain one."""
    kind = CATALOGUE.get(view.name, Event)
    own = {name: view.data.get(name) for name in _OWN.get(kind, ())}
    return kind(
        name=view.name,
        sequence=view.sequence,
        at=view.at,
        run_id=view.run_id or None,
        step=view.step,
        data=view.data,
        **own,
    )


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether an event's name is among those of a subscription.

    Args:
        name: such as `step.completed`.
        patterns: names, `*` for all, or a beginning such as `run.*`.
    """
    return any(
        pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )
