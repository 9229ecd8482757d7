"""Bulk: one action on all runs that a filter matches, looked at before it is done.

A look tells how many runs match. The action repeats that number, and nothing happens where it has
changed; or it takes a bounded number of runs at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.states import RUN_TERMINAL, RUN_TRANSITIONS, RunSignal, RunState
from ratchet_core.domain.views import RunView
from ratchet_core.engine.control import cancel_in, retry_in
from ratchet_core.engine.core import Core
from ratchet_core.errors import CountMismatch, NothingMatches, ValidationFailed
from ratchet_core.store import frames
from ratchet_core.store.database import Tx
from ratchet_core.store.reads import Reads
from ratchet_core.store.removal import remove_runs

#: Most runs that one call acts upon.
MAX_RUNS: Final = 10_000
#: Runs that a look shows.
SAMPLE: Final = 10
#: Runs that one transaction acts upon: it must not hold up those who submit.
_BATCH: Final = 50


class BulkAction(StrEnum):
    """What can be done to many runs."""

    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"


def _accepting(signal: RunSignal) -> tuple[RunState, ...]:
    """Return the states in which the signal changes something, in the order of the states."""
    return tuple(
        state for state in RunState if RUN_TRANSITIONS.get((state, signal), state) is not state
    )


#: The states in which an action applies to a run.
APPLIES: Final = MappingProxyType(
    {
        BulkAction.CANCEL: _accepting(RunSignal.CANCEL),
        BulkAction.RETRY: _accepting(RunSignal.RETRY),
        BulkAction.DELETE: tuple(state for state in RunState if state in RUN_TERMINAL),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """One action on all runs that a filter matches."""

    action: BulkAction  #: what to do
    query: RunQuery  #: which runs; `namespaces` is the caller's limit and no filter
    by: str  #: who asks
    everything: bool = False  #: an empty filter is meant
    expected: int | None = None  #: act only if so many match
    limit: int | None = None  #: act on so many at most, the oldest first


@dataclass(frozen=True, slots=True)
class BulkLook:
    """What an action would be done to."""

    matched: int  #: runs that match and that the action applies to
    sample: tuple[RunView, ...]  #: the oldest of them


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What an action has been done to."""

    matched: int  #: runs that matched when it began
    done: int  #: runs that were changed
    skipped: int  #: runs that had changed by themselves meanwhile


def look(reads: Reads, request: BulkRequest) -> BulkLook:
    """Tell what an action would be done to; changes nothing.

    Raises:
        ValidationFailed: the filter is empty, or names states that the action does not apply to.
    """
    page = reads.runs(_narrowed(request), Window(limit=SAMPLE, order="asc"))
    return BulkLook(page.total, page.items)


def perform(core: Core, reads: Reads, request: BulkRequest) -> BulkDone:
    """Act on all runs that match, or on the oldest of them.

    Raises:
        ValidationFailed: as `look`; or not one of `expected` and `limit` is given.
        NothingMatches: no run matches.
        CountMismatch: `expected` is not the number of runs that match; nothing was changed.
    """
    query = _narrowed(request)
    run_ids, matched = reads.run_ids(query, _wanted(request))
    if matched == 0:
        message = f"Nothing matches that {request.action} applies to; nothing was changed"
        raise NothingMatches(message)
    if request.expected is not None and matched != request.expected:
        message = f"{matched} match, not {request.expected}; nothing was changed"
        raise CountMismatch(message)
    done = 0
    for start in range(0, len(run_ids), _BATCH):
        done += _act(core, request, run_ids[start : start + _BATCH])
    return BulkDone(matched, done, len(run_ids) - done)


def _narrowed(request: BulkRequest) -> RunQuery:
    """Return the filter, narrowed to the states that the action applies to."""
    query = request.query
    is_empty = replace(query, namespaces=None) == RunQuery()
    if is_empty and not request.everything:
        problem = "is empty and would match everything; say `all` if that is meant"
        raise ValidationFailed(f"The filter {problem}", {"filter": [problem]})
    if request.everything and not is_empty:
        problem = "cannot be given together with a filter"
        raise ValidationFailed(f"`all` {problem}", {"all": [problem]})
    applies = APPLIES[request.action]
    if query.states is None:
        return replace(query, states=applies)
    if not set(query.states) <= set(applies):
        legal = ", ".join(applies)
        problem = f"{request.action} applies only to what is {legal}"
        raise ValidationFailed(f"The filter is not for this: {problem}", {"filter": [problem]})
    return query


def _wanted(request: BulkRequest) -> int:
    """Return how many runs to act upon at most."""
    given = {"expected": request.expected, "limit": request.limit}
    named = {key: value for key, value in given.items() if value is not None}
    if len(named) != 1:
        problem = "give either `expected`, the number that a dry run has told, or `limit`"
        raise ValidationFailed(f"How many runs: {problem}", {"expected": [problem]})
    [(key, count)] = named.items()
    if not 1 <= count <= MAX_RUNS:
        problem = f"must be between 1 and {MAX_RUNS}; take more in batches with `limit`"
        raise ValidationFailed(f"{key} {problem}", {key: [problem]})
    return count


def _act(core: Core, request: BulkRequest, run_ids: Sequence[str]) -> int:
    """Act on a few runs in one transaction; return how many it applied to."""

    def work(tx: Tx) -> tuple[int, dict[str, int]]:
        locked, _ = frames.lock_runs(tx, run_ids)
        applies = APPLIES[request.action]
        chosen = sorted(key for key, frame in locked.items() if frame.state in applies)
        ready: dict[str, int] = {}
        if request.action is BulkAction.DELETE and chosen:
            remove_runs(tx, chosen)
        for run_id in chosen:
            if request.action is BulkAction.CANCEL:
                cancel_in(core, tx, run_id, request.by)
            elif request.action is BulkAction.RETRY:
                for queue, count in retry_in(core, tx, run_id, request.by).items():
                    ready[queue] = ready.get(queue, 0) + count
        return len(chosen), ready

    done, ready = core.database.transact(work, polite=True)
    core.notify()
    if ready:
        core.ring(ready)
    return done
