"""Submit: check a request, plan its run, store it whole, ring for the steps that are ready."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ratchet_core.domain.events import STEP_EVENTS, EventName
from ratchet_core.domain.plan import Counters, PlannedStep, count, run_result
from ratchet_core.domain.states import STEP_SATISFIED, RunState, StepState
from ratchet_core.engine.admission import full_queues
from ratchet_core.engine.core import Core
from ratchet_core.engine.kept import FirstPlan, first_plan
from ratchet_core.engine.plugged import vetted
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.timing import check_timing, times_of
from ratchet_core.errors import (
    IdempotencyConflict,
    NamespaceNotFound,
    Overloaded,
    RatchetError,
    ValidationFailed,
    WorkflowDisabled,
    WorkflowNotFound,
)
from ratchet_core.registry.schema import InputValidator
from ratchet_core.store import definitions, runs
from ratchet_core.store.database import RETRIED_WITH_DOUBLES, Tx
from ratchet_core.store.runs import entry
from ratchet_core.telemetry.tracing import SpanKind

#: What a skipped step gives to its children and to clients.
SKIPPED_RESULT: Final = '{"skipped":true}'
_MAX_PRIORITY: Final = 1_000_000
_MAX_KEY: Final = 255

Row = dict[str, Any]


@dataclass(slots=True)
class PreparedRun:
    """A checked request and the rows it will become."""

    run_id: str  #: UUIDv7
    request: SubmitRequest  #: as it came
    request_hash: str | None  #: of workflow as asked for, input and options; with a key
    run: Row  #: of `runs`
    steps: list[Row]  #: of `steps`
    journal: list[Row]  #: of `journal`
    ready: int  #: steps that can be claimed at once
    queue: str  #: where they are claimed


@dataclass(frozen=True, slots=True)
class Stored:
    """The run that answers a request."""

    run_id: str  #: UUIDv7
    accepted: Row | None = None  #: of `runs`, as inserted; None when the idempotency key was known

    @property
    def created(self) -> bool:
        """Tell whether the request made the run."""
        return self.accepted is not None


#: Versions that one batch has looked up: (namespace, name, version asked for).
Found = dict[tuple[str, str, str | None], definitions.Snapshot | None]


def prepare(core: Core, tx: Tx, request: SubmitRequest, found: Found) -> PreparedRun:
    """Check one request against its workflow and plan its run.

    Args:
        core: the shared parts.
        tx: any transaction.
        request: as it came.
        found: what this batch has looked up so far; grows here.

    Raises:
        WorkflowNotFound, NamespaceNotFound: no such workflow or version.
        WorkflowDisabled: it takes no new runs.
        ValidationFailed: the input breaks the schema, or an option is out of range.
    """
    asked = (request.namespace, request.name, request.version)
    if asked not in found:
        found[asked] = definitions.find_snapshot(tx, core.snapshots, *asked)
    snapshot = found[asked]
    if snapshot is None:
        raise _not_found(tx, request)
    if not snapshot.enabled:
        message = f"Workflow '{request.namespace}.{request.name}' is disabled; enable it first"
        raise WorkflowDisabled(message)
    workflow = snapshot.definition
    _check_options(request)
    if core.validate_schemas:
        _check_input(workflow.input_schema, request.input)
    return _rows(core, request, snapshot, first_plan(tx, workflow, request))


def check(core: Core, request: SubmitRequest) -> None:
    """Check a request as `submit` would, without storing anything.

    Raises:
        RatchetError: as `prepare` does.
    """
    with core.database.read() as tx:
        prepare(core, tx, request, {})


def submit(
    core: Core,
    requests: Sequence[SubmitRequest],
    *,
    atomic: bool,
    most_ready: int | None = None,
) -> list[Stored | RatchetError]:
    """Store runs for requests in one transaction, and ring for them.

    Args:
        core: the shared parts.
        requests: at least one.
        atomic: one refused request refuses all; else it is answered by its error in its place.
        most_ready: a queue in which so many steps wait takes no runs now; None: any number.

    Returns:
        One answer per request, in their order.

    Raises:
        RatchetError: with `atomic`, the first refusal; it knows its `index`.
        Overloaded: a queue takes no runs now; a batch is then refused as a whole.
    """
    if not core.tracing.is_on:
        return _submit(core, requests, atomic=atomic, most_ready=most_ready)
    told = {"ratchet.runs": len(requests)}
    with core.tracing.span("submit", SpanKind.SUBMIT, told):
        return _submit(core, requests, atomic=atomic, most_ready=most_ready)


def _submit(
    core: Core, requests: Sequence[SubmitRequest], *, atomic: bool, most_ready: int | None
) -> list[Stored | RatchetError]:
    answers: list[Stored | RatchetError | None] = [None] * len(requests)
    prepared: list[tuple[int, PreparedRun]] = []
    found: Found = {}
    asked = vetted(core, requests, atomic=atomic)
    with core.database.read() as tx:
        for index, request in enumerate(asked):
            if isinstance(request, RatchetError):
                answers[index] = request
                continue
            try:
                prepared.append((index, prepare(core, tx, request, found)))
            except RatchetError as error:
                if atomic:
                    error.index = index
                    raise
                answers[index] = error
        queues = {item.queue for _, item in prepared}
        closed = {**full_queues(tx, queues, most_ready), **core.admission.refusals(tx, queues)}
    if prepared:
        _store_all(core, prepared, answers, closed, atomic=atomic)
    return [answer for answer in answers if answer is not None]


def store_one(tx: Tx, prepared: PreparedRun, closed: Mapping[str, Overloaded]) -> Stored:
    """Store one run in a transaction that somebody else commits; nobody is told.

    Raises:
        IdempotencyConflict: the key was used for another request.
        Overloaded: its queue takes no runs now.
    """
    known = _known(prepared, _stored_keys(tx, [prepared]), {})
    if isinstance(known, RatchetError):
        raise known
    if known is not None:
        return known
    if prepared.queue in closed:
        raise closed[prepared.queue]
    runs.insert_runs(tx, [prepared.run], prepared.steps, prepared.journal)
    return Stored(prepared.run_id, prepared.run)


def _store_all(
    core: Core,
    prepared: Sequence[tuple[int, PreparedRun]],
    answers: list[Stored | RatchetError | None],
    closed: Mapping[str, Overloaded],
    *,
    atomic: bool,
) -> None:
    def work(tx: Tx) -> dict[str, int]:
        ready: dict[str, int] = {}
        fresh: list[PreparedRun] = []
        by_key: dict[tuple[str, str], PreparedRun] = {}
        stored = _stored_keys(tx, [item for _, item in prepared])
        for index, item in prepared:
            known = _known(item, stored, by_key)
            if isinstance(known, RatchetError) and atomic:
                known.index = index
                raise known
            answers[index] = known or Stored(item.run_id, item.run)
            if known is None:
                if item.queue in closed:
                    raise closed[item.queue]
                fresh.append(item)
                ready[item.queue] = ready.get(item.queue, 0) + item.ready
        if fresh:
            runs.insert_runs(
                tx,
                [item.run for item in fresh],
                [row for item in fresh for row in item.steps],
                [row for item in fresh for row in item.journal],
            )
        return ready

    ready = core.database.transact(work, pipelined=True, retried=RETRIED_WITH_DOUBLES)
    if any(ready.values()):
        core.ring(ready)
    core.notify(ended=any(item.run["completed_at"] is not None for _, item in prepared))


#: Principal and key to the id of the run that they made, and the hash of its request.
Keys = dict[tuple[str, str], tuple[str, str]]


def _stored_keys(tx: Tx, prepared: Sequence[PreparedRun]) -> Keys:
    """Return what earlier requests with the keys of these have made."""
    places = {
        (item.request.principal, item.request.idempotency_key): None
        for item in prepared
        if item.request.idempotency_key is not None
    }
    return runs.find_by_keys(tx, list(places))


def _known(
    item: PreparedRun, stored: Keys, by_key: dict[tuple[str, str], PreparedRun]
) -> Stored | IdempotencyConflict | None:
    """Return what an earlier request with the same key made, in the database or this batch."""
    key = item.request.idempotency_key
    if key is None:
        return None
    place = (item.request.principal, key)
    made = stored.get(place)
    earlier = by_key.setdefault(place, item)
    if made is None and earlier is item:
        return None
    run_id, request_hash = made or (earlier.run_id, earlier.request_hash)
    if item.request.key_decides or request_hash == item.request_hash:
        return Stored(run_id)
    return IdempotencyConflict(
        f"Idempotency-Key '{key}' was used for another request (run '{run_id}'); use a new key"
    )


def _not_found(tx: Tx, request: SubmitRequest) -> RatchetError:
    if not definitions.namespace_exists(tx, request.namespace):
        return NamespaceNotFound(request.namespace)
    return WorkflowNotFound(request.namespace, request.name, request.version)


def _check_options(request: SubmitRequest) -> None:
    priority = request.priority
    if priority is not None and abs(priority) > _MAX_PRIORITY:
        problem = f"must be between -{_MAX_PRIORITY} and {_MAX_PRIORITY}"
        raise ValidationFailed("The priority is out of range", {"priority": [problem]})
    check_timing(request)
    key = request.idempotency_key
    if key is not None and not (0 < len(key) <= _MAX_KEY and key.isprintable()):
        problem = f"must be 1 to {_MAX_KEY} printable characters"
        raise ValidationFailed("The idempotency key is not valid", {"idempotency_key": [problem]})


def _check_input(schema: Mapping[str, Any] | None, value: Any) -> None:
    if schema is None:
        return
    problems = InputValidator(schema).check(value, "input")
    if problems:
        raise ValidationFailed("The input does not match the schema of the workflow", problems)


def _request_hash(request: SubmitRequest, input_text: bytes) -> str:
    """Hash what makes two requests the same: workflow as asked for, input and options."""
    options = {
        "workflow": [request.namespace, request.name, request.version],
        "priority": request.priority,
        "bypass": sorted(request.bypass_steps),
        "destinations": [dict(item) for item in request.output_destinations],
        "scheduled_for": request.scheduled_for,
    }
    for name in ("delay_s", "deadline", "time_limit_s", "rerun_of", "from_step"):
        asked = getattr(request, name)
        if asked is not None:  # a key that was used before these options came counts as before
            options[name] = asked
    digest = hashlib.sha256(orjson.dumps(options, option=orjson.OPT_SORT_KEYS))
    canonical = orjson.dumps(orjson.loads(input_text), option=orjson.OPT_SORT_KEYS)
    digest.update(canonical)
    return digest.hexdigest()


def _rows(
    core: Core,
    request: SubmitRequest,
    snapshot: definitions.Snapshot,
    plan: FirstPlan,
) -> PreparedRun:
    workflow = snapshot.definition
    run_id = core.new_id()
    now = snapshot.now_us
    wanted_at, deadline_at = times_of(request, now)
    starts_at = now if wanted_at is None else wanted_at
    input_text = orjson.dumps(request.input)
    delayed = starts_at > now
    priority = workflow.priority if request.priority is None else request.priority
    queue = request.queue or workflow.queue
    steps = []
    states = []
    for position, (name, planned) in enumerate(plan.steps.items()):
        state = planned.state
        if delayed and state is StepState.READY:
            state = StepState.BACKOFF
        states.append(state)
        row = _step_row(core, run_id, position, name, state, planned)
        row["queue"] = queue
        row["priority"] = priority
        row["ready_at"] = starts_at
        row["completed_at"] = now if state in STEP_SATISFIED else None
        if name in plan.results:
            row["result"] = plan.results[name]
            row["progress"] = 1.0
        steps.append(row)
    counters = count(states)
    run = _run_row(request, snapshot, run_id, counters, len(steps), input_text.decode())
    run["priority"] = priority
    asked = core.destinations.checked(request.output_destinations)
    run["outbox"] = 1 if core.destinations.must_deliver(workflow, asked) else None
    run["scheduled_for"] = wanted_at
    run["deadline_at"] = deadline_at
    run["traceparent"] = core.tracing.traceparent()
    request_hash = None
    if request.idempotency_key is not None:
        request_hash = _request_hash(request, input_text)
    run["request_hash"] = request_hash
    return PreparedRun(
        run_id=run_id,
        request=request,
        request_hash=request_hash,
        run=run,
        steps=steps,
        journal=_journal(run_id, now, plan.steps, run),
        ready=sum(state is StepState.READY for state in states),
        queue=queue,
    )


def _step_row(
    core: Core, run_id: str, position: int, name: str, state: StepState, planned: PlannedStep
) -> Row:
    return {
        "id": core.new_id(),
        "run_id": run_id,
        "position": position,
        "name": name,
        "state": state.value,
        "pending_parents": planned.pending_parents,
        "attempts": 0,
        "failures": 0,
        "losses": 0,
        "interruptions": 0,
        "alone": False,
        "token": 0,
        "progress": 0.0,
        "result": SKIPPED_RESULT if state is StepState.SKIPPED else None,
    }


def _run_row(
    request: SubmitRequest,
    snapshot: definitions.Snapshot,
    run_id: str,
    counters: Counters,
    total: int,
    input_text: str,
) -> Row:
    workflow = snapshot.definition
    done = counters.open == 0
    result = None
    if done:
        skipped = {name: {"skipped": True} for name in workflow.parents}
        result = orjson.dumps(run_result(workflow, skipped)).decode()
    return {
        "id": run_id,
        "workflow_id": snapshot.workflow_id,
        "snapshot_id": snapshot.id,
        "namespace": workflow.namespace,
        "name": workflow.name,
        "version": workflow.version,
        "state": (RunState.COMPLETED if done else RunState.PENDING).value,
        "input": input_text,
        "result": result,
        "progress": (total - counters.open) / total,
        "retries": 0,
        "steps_total": total,
        "steps_open": counters.open,
        "steps_active": counters.active,
        "steps_backoff": counters.backoff,
        "steps_failed": counters.failed,
        "principal": request.principal,
        "idempotency_key": request.idempotency_key,
        "schedule_id": request.schedule_id,
        "rerun_of": request.rerun_of,
        "origin": orjson.dumps(dict(request.origin)).decode() if request.origin else None,
        "output_destinations": orjson.dumps(
            [dict(item) for item in request.output_destinations]
        ).decode()
        if request.output_destinations
        else None,
        "created_at": snapshot.now_us,
        "updated_at": snapshot.now_us,
        "completed_at": snapshot.now_us if done else None,
    }


def _journal(run_id: str, now: int, plan: Mapping[str, PlannedStep], run: Row) -> list[Row]:
    origin = run["rerun_of"]
    data = {"rerun_of": origin} if origin else None
    rows = [entry(run_id, None, EventName.RUN_CREATED, now, data)]
    rows += [
        entry(
            run_id, name, STEP_EVENTS[planned.state], now, {"kept_of": origin} if origin else None
        )
        for name, planned in plan.items()
        if planned.state in STEP_SATISFIED
    ]
    if run["state"] == RunState.COMPLETED:
        rows.append(entry(run_id, None, EventName.RUN_COMPLETED, now))
    return rows
