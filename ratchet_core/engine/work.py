"""The values that pass between the engine and a drain: assignments, ends, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ratchet_core.domain.log import LogLine
from ratchet_core.domain.outcome import Outcome
from ratchet_core.domain.retry import RetryDecision
from ratchet_core.domain.step_change import changed
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One step that a drain has claimed, with all that is needed to run it."""

    step_id: str  #: UUIDv7
    run_id: str  #: UUIDv7
    token: int  #: fencing token; every write about this claim names it
    position: int  #: index of the step in its definition
    workflow: WorkflowDefinition  #: the run's snapshot, shared between assignments
    attempt: int  #: number that the attempt will bear, from 1
    failures: int  #: earlier attempts that counted against the limit
    losses: int  #: earlier attempts lost with their worker
    priority: int  #: of the run
    alone: bool  #: was interrupted before: never claimed together with others
    input: str  #: JSON text of the run's input, or of the step's own
    run_input: str = ""  #: JSON text of the run's input
    results: Mapping[str, str] = field(default_factory=dict)  #: parent's name to JSON text
    changes: str | None = None  #: JSON of what an operator changed in the step's definition
    traceparent: str | None = None  #: span that made the run, as W3C Trace Context writes it

    @property
    def step(self) -> StepDefinition:
        """The definition of the step."""
        step = self.workflow.steps[self.position]
        return step if self.changes is None else changed(step, self.changes)

    @property
    def handler(self) -> str:
        """Name of the step handler: steps of one kind share a measured duration."""
        return self.step.handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One attempt that has come to its end in a drain."""

    assignment: Assignment  #: what was run
    attempt_id: str  #: UUIDv7, made when it started
    outcome: Outcome  #: how it ended
    age_us: int  #: microseconds since it started, at the moment of concluding
    duration_us: int  #: microseconds that the step handler took
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()  #: custom events: name, payload
    decision: RetryDecision | None = None  #: of a plugin about a failure; None: the step's policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Lines that one attempt has logged, on their way to the database."""

    assignment: Assignment  #: what is or was run
    attempt_id: str  #: UUIDv7 of the attempt
    lines: tuple[LogLine, ...]  #: in the order of writing


@dataclass(frozen=True, slots=True)
class Concluded:
    """What one `conclude` led to."""

    next: tuple[Assignment, ...] = ()  #: own children, claimed for the same drain
    ready: Mapping[str, int] = field(default_factory=dict)  #: queue to steps that became ready
    stale: int = 0  #: ends that came too late and were applied to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainInfo:
    """Who a drain is."""

    id: str  #: UUIDv7
    host: str  #: name of the machine
    pid: int  #: of the process
    worker: str  #: name of the worker that hosts it
    queues: tuple[str, ...]  #: where it claims from
    handlers: tuple[str, ...] | None = None  #: step handlers that it knows by name; None: not told
