"""What failed in a span of time, grouped and explained: data for a report, told by nobody yet.

Attempts in, groups out: one per error type, code, workflow and step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ratchet_core.domain.error_pattern import ErrorPattern, recognise
from ratchet_core.domain.log import LogView
from ratchet_core.domain.views import AttemptView, ErrorView

#: What an error that was stored without any is called.
_NO_ERROR = ErrorView(type="UnknownError", code="UNKNOWN", message="no error was stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failed attempts that are alike."""

    error_type: str  #: class of the error
    code: str  #: stable code
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    step: str  #: name of the step
    count: int  #: failed attempts
    runs: int  #: runs that they belong to
    first_at: datetime  #: when the oldest of them started
    last_at: datetime  #: when the newest of them started
    example: AttemptView  #: the newest of them
    pattern: ErrorPattern | None  #: a known error that it is

    @property
    def error(self) -> ErrorView:
        """The error of the example."""
        return self.example.error or _NO_ERROR

    @property
    def stack(self) -> tuple[str, ...]:
        """The example's stack, innermost first, as far as the step handler told one."""
        details: Mapping[str, Any] = self.error.details or {}
        stack = details.get("stack", ())
        return tuple(str(line) for line in stack) if isinstance(stack, list | tuple) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReport:
    """What failed between two times."""

    since: datetime  #: begin of the span
    until: datetime  #: end of the span
    attempts: int  #: failed attempts in it
    examined: int  #: the newest of them, which the groups are made of
    runs: int  #: runs made in the span
    failed_runs: int  #: of these, those that have failed
    groups: tuple[FailureGroup, ...]  #: the most frequent first
    logs: Mapping[str, tuple[LogView, ...]]  #: attempt id of an example to its last lines
    system: Mapping[str, Any]  #: JSON object: what is known of the system now

    @property
    def workflows(self) -> tuple[str, ...]:
        """Full names, without versions, of the workflows that are affected."""
        return tuple(sorted({f"{group.namespace}.{group.workflow}" for group in self.groups}))


def group_failures(
    failed: Iterable[AttemptView], patterns: Sequence[ErrorPattern]
) -> tuple[FailureGroup, ...]:
    """Group failed attempts, the most frequent group first, then the newest."""
    alike: dict[tuple[str, ...], list[AttemptView]] = {}
    for attempt in failed:
        error = attempt.error or _NO_ERROR
        key = (error.type, error.code, attempt.namespace, attempt.workflow, attempt.step)
        alike.setdefault(key, []).append(attempt)
    groups = [_group(attempts, patterns) for attempts in alike.values()]
    return tuple(sorted(groups, key=lambda group: (-group.count, -group.last_at.timestamp())))


def _group(attempts: Sequence[AttemptView], patterns: Sequence[ErrorPattern]) -> FailureGroup:
    newest = max(attempts, key=lambda attempt: (attempt.started_at, attempt.id))
    error = newest.error or _NO_ERROR
    return FailureGroup(
        error_type=error.type,
        code=error.code,
        namespace=newest.namespace,
        workflow=newest.workflow,
        step=newest.step,
        count=len(attempts),
        runs=len({attempt.run_id for attempt in attempts}),
        first_at=min(attempt.started_at for attempt in attempts),
        last_at=newest.started_at,
        example=newest,
        pattern=recognise(patterns, error.type, error.message),
    )
