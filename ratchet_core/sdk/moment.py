"""What the hooks of a run's life are given: frozen, small, the same in every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ratchet_core.sdk.context import RunInfo, StepInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request for one run, before anything of it is stored."""

    namespace: str  #: of the workflow, as asked for; it may not exist
    workflow: str  #: name of the workflow, as asked for
    version: str | None  #: as asked for; None means the latest
    input: Any = field(repr=False)  #: JSON value; do not change it
    principal: str  #: who asks: `jwt:alice`, `schedule`, `anonymous`
    priority: int | None = None  #: as asked for; None takes the workflow's
    origin: Mapping[str, Any] = field(default_factory=dict)  #: initiator, reason, tags, …
    idempotency_key: str | None = None  #: as asked for
    schedule_id: str | None = None  #: the schedule that asks, UUIDv7
    scheduled_for: datetime | None = None  #: not to start before; aware UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptInfo:
    """One try at one step."""

    run: RunInfo  #: the run
    step: StepInfo  #: the step, and the id of this attempt
    attempt: int  #: number of this attempt, from 1
    handler: str  #: name of the step handler, as the definition says it
    attempt_limit: int = 1  #: highest number of attempts that the step's policy allows
