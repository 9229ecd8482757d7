"""Frozen pictures of what is stored, as the doors and plugins see it.

Times are aware UTC. JSON values are plain Python values. No view can be written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.domain.states import AttemptState, RunState, StepState
from ratchet_core.domain.workflow import WorkflowDefinition

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """Why a run, step or attempt failed."""

    type: str  #: class name as the author knows it
    code: str  #: stable code
    message: str  #: what happened
    step: str | None = None  #: name of the step, for a run's error
    attempt: int | None = None  #: number of the attempt, from 1
    details: Mapping[str, Any] | None = None  #: more, without secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of one run."""

    id: str  #: UUIDv7
    run_id: str  #: of its run
    name: str  #: unique in the run
    position: int  #: in definition order, from 0
    state: StepState  #: where it stands
    handler: str  #: as the author wrote it
    depends_on: tuple[str, ...]  #: names of its parents
    attempts: int  #: started attempts
    result: Any  #: JSON value once completed, else None
    error: ErrorView | None  #: of its last failed attempt, while it is not satisfied
    ready_at: datetime | None  #: with BACKOFF: when it is tried again
    started_at: datetime | None  #: start of its first attempt
    completed_at: datetime | None  #: when it came to its end
    retryable: bool = True  #: retries are allowed
    attempt_limit: int = 1  #: highest number of attempts that count
    skippable: bool = False  #: may be bypassed
    retry_limit: int = 1  #: as the author or an operator wrote it
    config: Mapping[str, Any] = field(default_factory=dict)  #: of its step handler
    input: Any = None  #: its own, where an operator gave one
    failures: int = 0  #: attempts that count against the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run."""

    id: str  #: UUIDv7
    workflow_id: str  #: UUID of the workflow
    namespace: str  #: of the workflow
    name: str  #: of the workflow
    version: str  #: of the workflow, at submission
    state: RunState  #: where it stands
    input: Any  #: JSON value, as submitted
    result: Any  #: JSON value once completed, else None
    error: ErrorView | None  #: why it failed
    progress: float  #: 0 to 1
    priority: int  #: higher is sooner
    created_at: datetime  #: when it was accepted
    updated_at: datetime  #: last change
    started_at: datetime | None  #: start of its first step
    completed_at: datetime | None  #: when it came to its end
    retries: int = 0  #: attempts that were tried again
    steps_total: int = 1  #: number of steps
    waiting_for: str | None = None  #: with PAUSED and WAITING: what is awaited
    resolved_by: str | None = None  #: with RESOLVED: who settled it
    schedule_id: str | None = None  #: the schedule that made it
    scheduled_for: datetime | None = None  #: the time it was made for: it starts no sooner
    deadline: datetime | None = None  #: fails where it has not ended by then
    rerun_of: str | None = None  #: the run that this one does again
    idempotency_key: str | None = None  #: as submitted
    origin: Mapping[str, Any] = field(default_factory=dict)  #: initiator, reason, tags, …

    @property
    def full_name(self) -> str:
        """`namespace.name@version`."""
        return f"{self.namespace}.{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try at one step; an execution in the Ratchet dialect."""

    id: str  #: UUIDv7
    run_id: str  #: of its run
    step_id: str  #: of its step
    step: str  #: name of its step
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    version: str  #: of the workflow
    number: int  #: from 1
    state: AttemptState  #: where it stands
    created_at: datetime  #: when it started
    started_at: datetime  #: when it started
    completed_at: datetime | None  #: when it ended
    duration_ms: float | None  #: of the step handler, once ended
    error: ErrorView | None  #: why it failed
    result: Any = None  #: JSON value once completed
    worker: str | None = None  #: host and process that ran it


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """One schedule, and how far it has come."""

    id: str  #: UUIDv7
    spec: ScheduleSpec  #: what is wanted
    next_at: datetime | None  #: when it fires next; None while disabled, and once exhausted
    last_at: datetime | None  #: the latest fire time that was decided upon
    last_run_id: str | None  #: the run made last
    runs_made: int  #: runs that its fire times have made
    runs_skipped: int  #: fire times that made none because of an earlier run
    waiting: tuple[datetime, ...]  #: fire times whose runs wait for an earlier one
    problem: str | None  #: why it fires nothing, such as a workflow that is gone
    source: str | None  #: the file that declares it; None where it was made over an API
    created_at: datetime  #: when it was made
    updated_at: datetime  #: when somebody last changed it

    @property
    def is_exhausted(self) -> bool:
        """Whether no fire time will ever come again, as it stands."""
        return self.spec.enabled and self.next_at is None and not self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """One workflow version, with what is known of its siblings."""

    id: str  #: UUID of the workflow, the same for all its versions
    version_id: str  #: UUID of this snapshot
    definition: WorkflowDefinition  #: the snapshot
    versions: tuple[str, ...]  #: all versions, latest first
    enabled: bool  #: False refuses new runs
    created_at: datetime  #: when the workflow was first seen
    updated_at: datetime  #: when this version was last changed


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceView:
    """One namespace and the workflows in it."""

    name: str  #: of the namespace
    description: str  #: for people
    workflows: tuple[str, ...]  #: names, in the order in which they were defined


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainView:
    """One drain that has not ended: a process in which a worker performs steps."""

    id: str  #: UUIDv7
    worker: str  #: name of the worker that hosts it
    host: str  #: name of the machine
    pid: int  #: of the process
    queues: tuple[str, ...]  #: where it claims from, the most important first
    handlers: tuple[str, ...] | None  #: step handlers that it knows by name; None: not told
    started_at: datetime  #: when it opened
    renewed_at: datetime | None  #: its last sign of life; None: of a version that told none
    lease_until: datetime  #: others take over what it holds from then on
    is_alive: bool  #: its lease holds, by the database's clock
    held: int  #: steps that it has claimed and not given back
    current: HeldStepView | None = None  #: the step that it has told to perform


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStepView:
    """The step that a drain performs; short ones come and go without being told of."""

    run_id: str  #: of the run
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    step: str  #: name of the step
    attempt_id: str | None  #: of the attempt
    started_at: datetime | None  #: start of the step's first attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationView:
    """What somebody has noted about a run."""

    id: str  #: UUIDv7
    run_id: str  #: of its run
    type: str  #: what kind of note it is
    value: Any  #: JSON value
    principal: str  #: who noted it
    created_at: datetime  #: when


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseView:
    """One queue or workflow that is paused."""

    kind: PauseKind  #: what is paused
    name: str  #: of the queue, or of the workflow
    namespace: str | None  #: of the workflow; None for a queue
    by: str  #: who paused it
    at: datetime  #: since when


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One entry of the journal."""

    sequence: int  #: grows with every entry; the cursor of readers
    name: str  #: such as `step.completed`
    run_id: str  #: of the run
    step: str | None  #: name of the step, for a step's event
    at: datetime  #: when it was written
    data: Mapping[str, Any]  #: what belongs to the event


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntryView:
    """One move of a run, or of one of its steps."""

    event: EventView  #: what happened
    before: str | None  #: name of the move before it, of the same run or step


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list, and how long the list is."""

    items: tuple[Item, ...]  #: in the list's order
    total: int  #: number of all matches
    next_cursor: str | None = None  #: opaque; None at the end of the list
