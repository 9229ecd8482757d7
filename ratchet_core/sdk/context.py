"""What a step handler gets: the run's input, results of parents, and ways to tell how it goes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ratchet_core.sdk.errors import AttemptCancelled, AttemptTimedOut
from ratchet_core.sdk.http import HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The run that the step belongs to."""

    id: str  #: UUIDv7
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    version: str  #: of the workflow

    @property
    def task_id(self) -> str:
        """Name in the default namespace, else `namespace.name` (decisions.md section 2)."""
        prefix = "" if self.namespace == "default" else f"{self.namespace}."
        return prefix + self.workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """The step that runs."""

    id: str  #: UUIDv7
    name: str  #: unique in its run
    attempt_id: str  #: UUIDv7 of this attempt


class Reporter(Protocol):
    """Takes what a running step tells about itself; never blocks on the database."""

    def progress(self, fraction: float, message: str | None, data: Any) -> None:
        """Note how far the step is, 0 to 1."""
        ...

    def log(self, level: str, message: str) -> None:
        """Keep a line of the attempt's log; levels debug, info, warning, error."""
        ...

    def publish(self, name: str, payload: Mapping[str, Any]) -> None:
        """Publish a custom event with the attempt's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One attempt, as the step handler sees it."""

    run: RunInfo  #: the run
    step: StepInfo  #: the step
    attempt: int  #: number of this attempt, from 1
    input: Any  #: JSON value the run was submitted with
    results: Mapping[str, Any] = field(default_factory=dict)  #: parent's name to its result
    config: Mapping[str, Any] = field(default_factory=dict)  #: `handler_config` of the step
    files: Mapping[str, str] = field(default_factory=dict)  #: scripts of the workflow version
    idempotency_key: str = ""  #: the same for every attempt at this step of this run
    timeout_s: float = 300.0  #: time limit of this attempt
    deadline: float = float("inf")  #: on `time.monotonic()`
    http: HttpClient  #: obeys the egress policy
    log: logging.Logger  #: lines are kept with the attempt
    reporter: Reporter  #: where progress, log lines and events go
    stop: threading.Event = field(default_factory=threading.Event)  #: set when cancelled
    secrets: Mapping[str, Any] = field(default_factory=dict)  #: given at start, never stored

    def progress(self, fraction: float, message: str | None = None, data: Any = None) -> None:
        """Tell how far the step is.

        Args:
            fraction: 0 to 1; values outside are clamped.
            message: what is going on, for people.
            data: JSON value with more.
        """
        self.reporter.progress(min(1.0, max(0.0, float(fraction))), message, data)

    def publish(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        """Publish one of the step's `custom_events`; it goes out once the result is applied.

        Args:
            name: `namespace.name`, as declared in the step's definition.
            payload: JSON object.
        """
        self.reporter.publish(name, payload or {})

    @property
    def cancelled(self) -> bool:
        """True once the run was cancelled; a long step looks at it and ends."""
        return self.stop.is_set()

    @property
    def remaining_s(self) -> float:
        """Seconds left until the deadline, never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    def heartbeat(self) -> None:
        """Let a long step end early: call it now and then.

        Raises:
            AttemptCancelled: the run was cancelled.
            AttemptTimedOut: the deadline passed.
        """
        if self.stop.is_set():
            message = "the run was cancelled"
            raise AttemptCancelled(message)
        if time.monotonic() > self.deadline:
            message = f"the attempt ran longer than its {self.timeout_s:g} s"
            raise AttemptTimedOut(message, error_type="TimeoutError")
