"""Rerun: a new run that does an earlier one again, with the same input."""

from __future__ import annotations

from ratchet_core.domain.version import is_version
from ratchet_core.domain.views import RunView
from ratchet_core.engine import submit
from ratchet_core.engine.core import Core
from ratchet_core.engine.requests import LATEST, SAME, RerunRequest, SubmitRequest
from ratchet_core.errors import RatchetError, ValidationFailed
from ratchet_core.store.runs import destinations_of


def rerun(core: Core, run: RunView, request: RerunRequest) -> submit.Stored:
    """Store a new run with input, priority, origin and destinations of an earlier one.

    Args:
        core: the shared parts.
        run: the earlier one, in any state.
        request: what is asked for.

    Raises:
        WorkflowNotFound, WorkflowDisabled: its workflow takes no new run, or not of that version.
        ValidationFailed: the version is none, the step cannot be begun with, or the input breaks
            the schema of the version.
        IdempotencyConflict: the key was used for another request.
    """
    with core.database.read() as tx:
        destinations = destinations_of(tx, run.id)
    wanted = SubmitRequest(
        namespace=run.namespace,
        name=run.name,
        version=_version(run, request.version),
        input=run.input,
        idempotency_key=request.idempotency_key,
        principal=request.principal,
        priority=run.priority,
        origin=run.origin,
        output_destinations=destinations,
        rerun_of=run.id,
        from_step=request.from_step,
    )
    answer = submit.submit(core, [wanted], atomic=False)[0]
    if isinstance(answer, RatchetError):
        raise answer
    return answer


def _version(run: RunView, asked: str) -> str | None:
    if asked in (SAME, LATEST):
        return run.version if asked == SAME else None
    if not is_version(asked):
        rule = f"must be {SAME}, {LATEST} or a version such as 1.2.0"
        raise ValidationFailed("That is no version", {"version": [rule]})
    return asked
