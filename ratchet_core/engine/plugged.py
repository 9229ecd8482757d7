"""What plugins say about requests, attempts and failures, always asked outside of transactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ratchet_core.domain.outcome import Failed, FailureKind
from ratchet_core.engine.core import Core
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.work import Assignment, Finished
from ratchet_core.errors import RatchetError
from ratchet_core.sdk.context import RunInfo, StepInfo
from ratchet_core.sdk.moment import AttemptInfo, Submission
from ratchet_core.store import definitions


def vetted(
    core: Core, requests: Sequence[SubmitRequest], *, atomic: bool = False
) -> Sequence[SubmitRequest | RatchetError]:
    """Ask plugins about requests for runs, before anything of them is stored.

    Args:
        core: the shared parts.
        requests: as they came.
        atomic: the first refusal is raised.

    Returns:
        Each request, with the queue that a plugin chose; or why it is refused, in its place.

    Raises:
        RatchetError: with `atomic`, the first refusal; it knows its `index`.
    """
    if not core.calls.minds_submissions:
        return requests
    answers: list[SubmitRequest | RatchetError] = []
    for index, request in enumerate(requests):
        try:
            answers.append(_vetted(core, request))
        except RatchetError as error:
            if atomic:
                error.index = index
                raise
            answers.append(error)
    return answers


def decided(core: Core, finished: Sequence[Finished]) -> Sequence[Finished]:
    """Ask plugins whether failed attempts run again; what they answer goes with the ends."""
    if not core.calls.minds_failures:
        return finished
    return [_decided(core, item) for item in finished]


def attempt_info(assignment: Assignment, attempt_id: str) -> AttemptInfo:
    """Return what plugins are told about an attempt."""
    workflow, step = assignment.workflow, assignment.step
    return AttemptInfo(
        run=RunInfo(
            id=assignment.run_id,
            namespace=workflow.namespace,
            workflow=workflow.name,
            version=workflow.version,
        ),
        step=StepInfo(id=assignment.step_id, name=step.name, attempt_id=attempt_id),
        attempt=assignment.attempt,
        handler=assignment.handler,
        attempt_limit=step.attempt_limit,
    )


def submission_of(request: SubmitRequest) -> Submission:
    """Return what plugins are told about a request."""
    return Submission(
        namespace=request.namespace,
        workflow=request.name,
        version=request.version,
        input=request.input,
        principal=request.principal,
        priority=request.priority,
        origin=request.origin,
        idempotency_key=request.idempotency_key,
        schedule_id=request.schedule_id,
        scheduled_for=request.scheduled_for,
    )


def chosen_queue(core: Core, request: SubmitRequest) -> str | None:
    """Return the queue that a plugin chooses for a run; None where none is asked."""
    if not core.calls.decides_queues:
        return None
    own = None
    if core.calls.reads_queues:
        own = _own_queue(core, request)
        if own is None:
            return None  # there is no such workflow: preparing the run will say so
    return core.calls.decide_queue(submission_of(request), own)


def _own_queue(core: Core, request: SubmitRequest) -> str | None:
    with core.database.read() as tx:
        snapshot = definitions.find_snapshot(
            tx, core.snapshots, request.namespace, request.name, request.version
        )
    return None if snapshot is None else snapshot.definition.queue


def _vetted(core: Core, request: SubmitRequest) -> SubmitRequest:
    core.calls.before_submit(submission_of(request))
    return replace(request, queue=chosen_queue(core, request))


def _decided(core: Core, item: Finished) -> Finished:
    outcome = item.outcome
    if not isinstance(outcome, Failed) or outcome.kind is FailureKind.LOST:
        return item
    info = attempt_info(item.assignment, item.attempt_id)
    return replace(item, decision=core.calls.decide_retry(info, outcome))
