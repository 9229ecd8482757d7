"""What the doors ask the engine to do, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ratchet_core.domain.views import RunView

#: Version of a rerun: that of the run that is done again.
SAME: Final = "same"
#: Version of a rerun: the newest that there is.
LATEST: Final = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """A request for one run."""

    namespace: str  #: of the workflow
    name: str  #: of the workflow
    version: str | None = None  #: None means the latest
    input: Any = field(default_factory=dict)  #: JSON value
    idempotency_key: str | None = None  #: same key, same request: the same run
    #: the key alone decides: whatever else is asked for, the run that it made is the answer
    key_decides: bool = False
    principal: str = "anonymous"  #: who asks; keys are kept per principal
    priority: int | None = None  #: None takes the workflow's
    bypass_steps: tuple[str, ...] = ()  #: skippable steps that are not to run
    origin: Mapping[str, Any] = field(default_factory=dict)  #: initiator, reason, tags, …
    output_destinations: tuple[Mapping[str, Any], ...] = ()  #: besides the workflow's
    schedule_id: str | None = None  #: the schedule that asks
    scheduled_for: datetime | None = None  #: do not start before; aware UTC
    delay_s: float | None = None  #: do not start before so many seconds are over
    deadline: datetime | None = None  #: fails where it has not ended by then; aware UTC
    time_limit_s: float | None = None  #: the same, in seconds from when it may start
    rerun_of: str | None = None  #: the run that this one does again
    from_step: str | None = None  #: with `rerun_of`: where to begin; what stands before is kept
    queue: str | None = None  #: that a plugin chose; None takes the workflow's


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunRequest:
    """A request to do a run again, as a new run with the same input."""

    run_id: str  #: of the run
    version: str = SAME  #: SAME, LATEST, or a version of its workflow
    from_step: str | None = None  #: begin there, with the results of what stands before it
    idempotency_key: str | None = None  #: same key, same request: the same run
    principal: str = "anonymous"  #: who asks; keys are kept per principal


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to a request for a run."""

    run: RunView  #: the run, new or known
    created: bool  #: False when the idempotency key was known
