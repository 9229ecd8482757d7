"""Why a run is not running or not finished, and what would change that (architecture.md section 9).

Pure: facts of one moment go in, reasons come out, the most decisive one first. The texts speak of
"it" and of steps, so that every dialect can show them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.provision import is_provided, serving
from ratchet_core.domain.states import STEP_TERMINAL, RunState, StepState
from ratchet_core.domain.views import DrainView, ErrorView, RunView

#: Most reasons that one answer holds.
MOST_REASONS: Final = 100
#: Most ready steps that are counted as coming before one.
MOST_AHEAD: Final = 1000


class Cause(StrEnum):
    """What keeps a run, or one of its steps; in the order in which reasons are told."""

    COMPLETED = "completed"  #: it is finished
    RESOLVED = "resolved"  #: an operator settled it
    CANCELLED = "cancelled"  #: it was stopped
    PAUSED = "paused"  #: an operator holds it
    WORKFLOW_PAUSED = "workflow_paused"  #: an operator holds all runs of its workflow
    WAITING = "waiting"  #: an approval, timer or signal is awaited
    RUNNING = "running"  #: a worker performs the step
    CLAIMED = "claimed"  #: a worker holds the step and has not told of its start
    LEASE_OVER = "lease_over"  #: the worker that holds the step is silent
    STEP_FAILED = "step_failed"  #: the step has no attempt left
    STEP_CANCELLED = "step_cancelled"  #: the step was stopped
    NO_HANDLER = "no_handler"  #: no worker knows the step's handler
    QUEUE_PAUSED = "queue_paused"  #: an operator holds the queue that the step waits in
    NO_WORKER = "no_worker"  #: no worker serves the step's queue
    ALL_BUSY = "all_busy"  #: every worker of the queue has other work
    QUEUED = "queued"  #: the step is about to be claimed
    BACK_OFF = "back_off"  #: an attempt failed; the next one comes later
    START_TIME = "start_time"  #: the time at which it may start is still to come
    BLOCKED = "blocked"  #: a step above this one failed or was stopped
    PARENTS = "parents"  #: steps above this one are not done


_RANK: Final = {cause: place for place, cause in enumerate(Cause)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """What is known of one step."""

    name: str  #: unique in its run
    state: StepState  #: where it stands
    queue: str  #: where it is claimed from
    handler: str  #: as the author wrote it
    depends_on: tuple[str, ...] = ()  #: names of its parents
    attempts: int = 0  #: started attempts
    attempt_limit: int = 1  #: highest number of attempts that count
    ready_at: datetime | None = None  #: since or from when it may be claimed
    started_at: datetime | None = None  #: start of its first attempt
    drain_id: str | None = None  #: of the drain that holds it
    error: ErrorView | None = None  #: of its last failed attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseFacts:
    """One order of an operator to hold a queue or a workflow."""

    kind: PauseKind  #: what is held
    subject: str  #: name of the queue, or UUID of the workflow
    by: str  #: who holds it
    since: datetime  #: when that was ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of one run and of who could work on it, at one moment."""

    run: RunView  #: as it stands
    steps: tuple[StepFacts, ...]  #: in definition order
    drains: tuple[DrainView, ...]  #: those that have not ended, silent ones too
    now: datetime  #: by the database's clock
    pauses: tuple[PauseFacts, ...] = ()  #: of its workflow and of its queues
    cancelled_by: str | None = None  #: who stopped it
    #: Name of a ready step to how many ready steps come before it, up to `MOST_AHEAD`.
    ahead: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that keeps a run from running or from its end."""

    cause: Cause  #: stable code
    message: str  #: what it is, in a sentence
    remedy: str  #: what would change it, in a sentence
    step: str | None = None  #: the step that it is about; None: all of it
    until: datetime | None = None  #: when it ends by itself, or is looked at again
    parents: tuple[str, ...] = ()  #: steps above that are to blame or awaited
    drain: DrainView | None = None  #: who holds the step


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer."""

    run: RunView  #: as it stands
    reasons: tuple[Reason, ...]  #: the most decisive one first; never empty
    omitted: int  #: reasons beyond `MOST_REASONS`
    now: datetime  #: the moment that it is about, by the database's clock

    @property
    def summary(self) -> str:
        """The first reason, and how many more there are."""
        more = len(self.reasons) - 1 + self.omitted
        return self.reasons[0].message + (f" (and {more} more)" if more else "")


def explain(facts: RunFacts) -> Why:
    """Say why a run is not running or not finished, and what would change that."""
    found = sorted(_reasons(facts), key=lambda reason: _RANK[reason.cause])
    if not found:
        message = "Its last step has just ended"
        found = [Reason(cause=Cause.QUEUED, message=message, remedy="Look again in a second.")]
    return Why(
        run=facts.run,
        reasons=tuple(found[:MOST_REASONS]),
        omitted=max(0, len(found) - MOST_REASONS),
        now=facts.now,
    )


def _reasons(facts: RunFacts) -> Iterator[Reason]:
    match facts.run.state:
        case RunState.COMPLETED:
            yield Reason(
                cause=Cause.COMPLETED, message="It is finished", remedy="Nothing has to change."
            )
        case RunState.RESOLVED:
            by = facts.run.resolved_by
            message = f"It was settled by hand{f' by {by}' if by else ''}"
            yield Reason(cause=Cause.RESOLVED, message=message, remedy="Nothing has to change.")
        case RunState.CANCELLED:
            by = facts.cancelled_by
            message = f"It was cancelled{f' by {by}' if by else ''}"
            remedy = "Retry it: what is done is kept, the rest runs."
            yield Reason(cause=Cause.CANCELLED, message=message, remedy=remedy)
        case RunState.FAILED:
            yield from _of_failed(facts)
        case RunState.PAUSED:
            yield from _of_workflow_pause(facts) if _is_workflow_paused(facts) else [_IS_PAUSED]
            yield from _of_steps(facts, {StepState.CLAIMED, StepState.RUNNING})
        case RunState.WAITING:
            awaited = facts.run.waiting_for or "a signal"
            remedy = "It goes on when that comes; cancelling stops it."
            message = f"It waits for {awaited}"
            yield Reason(cause=Cause.WAITING, message=message, remedy=remedy)
            yield from _of_steps(facts, {StepState.CLAIMED, StepState.RUNNING, StepState.FAILED})
        case _:
            yield from _of_workflow_pause(facts)
            yield from _of_steps(facts, set(StepState))


def _of_workflow_pause(facts: RunFacts) -> Iterator[Reason]:
    for pause in facts.pauses:
        if pause.kind is PauseKind.WORKFLOW:
            yield Reason(
                cause=Cause.WORKFLOW_PAUSED,
                message=f"{pause.by} has paused all of its kind at {_at(pause.since)}",
                remedy="Resume that; what had started before goes on to its end.",
            )


def _of_failed(facts: RunFacts) -> Iterator[Reason]:
    told = list(_of_steps(facts, {StepState.FAILED}))
    error = facts.run.error
    if not told and error is not None:
        told = [
            Reason(
                cause=Cause.STEP_FAILED,
                step=error.step,
                message=f"It failed: {error.type}: {error.message}",
                remedy=_MEND,
            )
        ]
    yield from told
    yield from _of_steps(facts, {StepState.PENDING})


def _is_workflow_paused(facts: RunFacts) -> bool:
    return any(pause.kind is PauseKind.WORKFLOW for pause in facts.pauses)


_IS_PAUSED: Final = Reason(
    cause=Cause.PAUSED,
    message="It is paused",
    remedy="Resume it. What had started before goes on to its end.",
)
_MEND: Final = "Mend what the error says, then retry it: what is done is kept."


def _of_steps(facts: RunFacts, states: set[StepState]) -> Iterator[Reason]:
    by_name = {step.name: step for step in facts.steps}
    for step in facts.steps:
        if step.state in states:
            yield from _of_step(facts, by_name, step)


def _of_step(
    facts: RunFacts, by_name: Mapping[str, StepFacts], step: StepFacts
) -> Iterator[Reason]:
    match step.state:
        case StepState.RUNNING | StepState.CLAIMED:
            yield _of_held(facts, step)
        case StepState.READY:
            yield from _of_ready(facts, step)
        case StepState.BACKOFF if step.ready_at is None or step.ready_at <= facts.now:
            yield from _of_ready(facts, step)
        case StepState.BACKOFF:
            yield _of_backoff(step)
            yield from _without_handler(facts, step)
        case StepState.PAUSED if not _is_workflow_paused(facts):
            message = f"The step '{step.name}' is paused"
            remedy = "It goes on when it is resumed."
            yield Reason(cause=Cause.PAUSED, step=step.name, message=message, remedy=remedy)
        case StepState.FAILED:
            yield _of_failure(step)
        case StepState.CANCELLED:
            yield Reason(
                cause=Cause.STEP_CANCELLED,
                step=step.name,
                message=f"The step '{step.name}' was cancelled",
                remedy="Retry or resolve the step; the steps below it wait for that.",
            )
        case StepState.PENDING:
            yield _of_pending(by_name, step)


def _of_held(facts: RunFacts, step: StepFacts) -> Reason:
    drain = next((drain for drain in facts.drains if drain.id == step.drain_id), None)
    if drain is None or not drain.is_alive:
        who = "a worker that is gone" if drain is None else _who(drain)
        return Reason(
            cause=Cause.LEASE_OVER,
            step=step.name,
            message=f"The step '{step.name}' is held by {who}, whose lease has run out",
            remedy="Any running worker takes it over within seconds; start one if there is none.",
            drain=drain,
        )
    if step.state is StepState.CLAIMED:
        return Reason(
            cause=Cause.CLAIMED,
            step=step.name,
            message=f"The step '{step.name}' is held by {_who(drain)}, which starts it next",
            remedy="Nothing has to change; it starts when what that worker took before is done.",
            until=drain.lease_until,
            drain=drain,
        )
    return Reason(
        cause=Cause.RUNNING,
        step=step.name,
        message=f"Attempt {step.attempts} of the step '{step.name}' runs on {_who(drain)}",
        remedy="It ends by itself or at its time limit; if the worker dies, another one takes over "
        "when the lease has run out. Cancelling stops it.",
        until=drain.lease_until,
        drain=drain,
    )


def _of_ready(facts: RunFacts, step: StepFacts) -> Iterator[Reason]:
    workers = serving(facts.drains, step.queue)
    ready = f"The step '{step.name}' is ready"
    for pause in facts.pauses:
        if pause.kind is PauseKind.QUEUE and pause.subject == step.queue:
            yield Reason(
                cause=Cause.QUEUE_PAUSED,
                step=step.name,
                message=f"{ready}, but {pause.by} has paused the queue '{step.queue}' "
                f"at {_at(pause.since)}",
                remedy="Resume the queue.",
            )
            return
    if not workers:
        yield Reason(
            cause=Cause.NO_WORKER,
            step=step.name,
            message=f"{ready}, but no worker serves the queue '{step.queue}'",
            remedy=f"Start one: `ratchet worker --queues {step.queue}`.",
        )
        return
    yield from _without_handler(facts, step)
    idle = sum(drain.held == 0 for drain in workers)
    ahead = facts.ahead.get(step.name, 0)
    before = f"; {_count(ahead)} steps come before it" if ahead else ""
    if idle == 0:
        all_of = "the only worker" if len(workers) == 1 else f"all {len(workers)} workers"
        yield Reason(
            cause=Cause.ALL_BUSY,
            step=step.name,
            message=f"{ready}, but {all_of} of the queue '{step.queue}' "
            f"{'is' if len(workers) == 1 else 'are'} busy{before}",
            remedy="It starts when one is free; more workers or a higher priority make it sooner.",
        )
        return
    yield Reason(
        cause=Cause.QUEUED,
        step=step.name,
        message=f"{ready} and about to be claimed: {idle} of {len(workers)} workers of the queue "
        f"'{step.queue}' have nothing else to do{before}",
        remedy="Nothing has to change; look again in a second.",
    )


def _without_handler(facts: RunFacts, step: StepFacts) -> Iterator[Reason]:
    """Tell of a handler that no worker knows; a dotted path is found out only by a try."""
    if is_provided(step.handler, serving(facts.drains, step.queue)):
        return
    yield Reason(
        cause=Cause.NO_HANDLER,
        step=step.name,
        message=f"No worker of the queue '{step.queue}' provides the step handler "
        f"'{step.handler}' that the step '{step.name}' needs; an attempt will fail",
        remedy="Install the plugin or the module that provides it where the workers run, and "
        "restart them.",
    )


def _of_backoff(step: StepFacts) -> Reason:
    if step.attempts == 0:
        return Reason(
            cause=Cause.START_TIME,
            step=step.name,
            message=f"The step '{step.name}' may not start before {_at(step.ready_at)}",
            remedy="It starts at that time.",
            until=step.ready_at,
        )
    error = f" ({step.error.type}: {step.error.message})" if step.error else ""
    return Reason(
        cause=Cause.BACK_OFF,
        step=step.name,
        message=f"Attempt {step.attempts} of the step '{step.name}' failed{error}; "
        f"the next one comes at {_at(step.ready_at)}",
        remedy=f"It is tried again at that time; {step.attempt_limit} attempts may fail.",
        until=step.ready_at,
    )


def _of_failure(step: StepFacts) -> Reason:
    error = f": {step.error.type}: {step.error.message}" if step.error else ""
    tried = "1 attempt" if step.attempts == 1 else f"{step.attempts} attempts"
    return Reason(
        cause=Cause.STEP_FAILED,
        step=step.name,
        message=f"The step '{step.name}' failed after {tried}{error}",
        remedy=_MEND,
    )


def _of_pending(by_name: Mapping[str, StepFacts], step: StepFacts) -> Reason:
    broken = _broken_above(by_name, step)
    if broken:
        return Reason(
            cause=Cause.BLOCKED,
            step=step.name,
            message=f"The step '{step.name}' is blocked by {_names(broken)}",
            remedy="It runs when those above it are retried with success, or resolved.",
            parents=broken,
        )
    awaited = tuple(name for name in step.depends_on if by_name[name].state not in STEP_TERMINAL)
    return Reason(
        cause=Cause.PARENTS,
        step=step.name,
        message=f"The step '{step.name}' waits for {_names(awaited)}",
        remedy="It is ready as soon as they are done.",
        parents=awaited,
    )


def _broken_above(by_name: Mapping[str, StepFacts], step: StepFacts) -> tuple[str, ...]:
    """Return the failed and cancelled steps above one, nearest first."""
    broken: dict[str, None] = {}
    seen: set[str] = set()
    level: Sequence[str] = step.depends_on
    while level:
        seen.update(level)
        above: dict[str, None] = {}
        for name in level:
            parent = by_name[name]
            if parent.state in {StepState.FAILED, StepState.CANCELLED}:
                broken[name] = None
            above.update(dict.fromkeys(parent.depends_on))
        level = [name for name in above if name not in seen]
    return tuple(broken)


def _who(drain: DrainView) -> str:
    return f"worker '{drain.worker}' (host {drain.host}, process {drain.pid})"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")  # noqa: PLR2004


def _count(ahead: int) -> str:
    return f"over {MOST_AHEAD - 1}" if ahead >= MOST_AHEAD else str(ahead)


def _at(at: datetime | None) -> str:
    return "an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
