"""What subscriptions yield: jobs and events, out of the journal, one after another.

A source belongs to one thread. It yields `None` where there is nothing to tell, at the latest every
few seconds, so that its owner sees whether the client is still there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.access import ScopedReads
from ratchet_core.api.door.access import authorize, reads_for
from ratchet_core.api.door.call import caller
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.graphql.arguments import read_cursor, read_parameters
from ratchet_core.api.graphql.expiry import CredentialsEnded, seconds_left
from ratchet_core.api.graphql.feed import Feed, Follower
from ratchet_core.api.graphql.log import follow_job_logs
from ratchet_core.api.graphql.node import Batch, Node
from ratchet_core.api.graphql.query import event_fields
from ratchet_core.api.ratchet.job import show_job
from ratchet_core.api.ratchet.jobs import job_query, parse_job_id
from ratchet_core.api.ratchet.request import JobListQuery
from ratchet_core.api.ratchet.state import JOB_STATUS
from ratchet_core.domain.events import EventName
from ratchet_core.domain.query import RunQuery
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.domain.views import EventView, RunView
from ratchet_core.store.reads import Reads

#: What a source yields: a root value, or None after a while without news.
Source = Generator[Any, None, None]

#: Longest time in which a source yields nothing at all.
HEARTBEAT_S: Final = 10.0
#: What following a job needs in its namespace.
_PERMISSION: Final = "run:read"
#: Runs of which one subscription remembers whether it may see them.
_REMEMBERED: Final = 1000
#: Keeps a share such as 2 of 3 from being counted as less than 2.
_ROUNDING: Final = 1e-9
#: Entries of a job's journal that are read at once.
_PART: Final = 200

#: The state that a run is in after an event.
_STATE_AFTER: Final[Mapping[str, RunState]] = {
    EventName.RUN_CREATED: RunState.PENDING,
    EventName.RUN_STARTED: RunState.RUNNING,
    EventName.RUN_RETRYING: RunState.RETRYING,
    EventName.RUN_COMPLETED: RunState.COMPLETED,
    EventName.RUN_FAILED: RunState.FAILED,
    EventName.RUN_CANCELLED: RunState.CANCELLED,
    EventName.RUN_RETRIED: RunState.PENDING,
    EventName.RUN_RESOLVED: RunState.RESOLVED,
}
_STEP_ENDS: Final = {EventName.STEP_COMPLETED, EventName.STEP_SKIPPED, EventName.STEP_RESOLVED}
#: Events of a step that has started, and so its run.
_STEP_MOVES: Final = {
    EventName.STEP_STARTED,
    EventName.STEP_PROGRESS,
    EventName.STEP_COMPLETED,
    EventName.STEP_RETRYING,
    EventName.STEP_FAILED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stood after an event: the journal knows what the row has forgotten."""

    state: RunState = RunState.PENDING
    progress: float = 0.0  #: 0 to 1

    def after(self, event: EventView, steps_total: int) -> Standing:
        """Return where the job stands after one more event."""
        if event.step is None:
            return self._after_run_event(event.name)
        state, progress = self.state, self.progress
        if event.name in _STEP_MOVES and state is RunState.PENDING:
            state = RunState.RUNNING
        if event.name == EventName.STEP_PROGRESS:
            progress = float(event.data.get("run_progress", progress))
        elif event.name in _STEP_ENDS:
            done = int(progress * steps_total + _ROUNDING) + 1
            progress = min(1.0, done / steps_total)
        return Standing(state, progress)

    def _after_run_event(self, name: str) -> Standing:
        state = _STATE_AFTER.get(name, self.state)
        if name == EventName.RUN_COMPLETED:
            return Standing(state, 1.0)
        return Standing(state, 0.0 if name == EventName.RUN_RETRIED else self.progress)


class Closing(Exception):
    """The process is about to end: the subscription is to be taken up elsewhere."""


class Stopped(Exception):
    """The client wants no more."""


class Sources:
    """Opens the sources of subscriptions.

    Args:
        reads: of the database.
        feed: wakes them.
    """

    def __init__(self, reads: Reads, feed: Feed) -> None:
        self._reads = reads
        self._feed = feed
        self._openers: Mapping[str, Callable[..., Source]] = {
            "jobUpdates": self._job_updates,
            "runEvents": self._run_events,
            "jobs": self._jobs,
            "jobLogs": self._job_logs,
        }

    def open(self, name: str, given: Mapping[str, Any], follower: Follower) -> Source:
        """Return the source of a root field.

        Args:
            name: of the field.
            given: its arguments.
            follower: wakes the source, and stops it.

        Raises:
            RatchetError: there is nothing to follow, or an argument is not valid.
        """
        authorize(_PERMISSION)
        return self._openers[name](follower, **given)

    @staticmethod
    def _scope() -> ScopedReads:
        return reads_for(caller(), _PERMISSION)

    def _visible(self) -> Callable[[str], bool]:
        """Return what tells whether the caller may see a run; it remembers the newest runs."""
        scope = self._scope()
        if scope.visible() is None:
            return lambda _run_id: True

        @functools.lru_cache(maxsize=_REMEMBERED)
        def is_visible(run_id: str) -> bool:
            run = self._reads.runs_by_id([run_id]).get(run_id)
            return run is not None and scope.sees(run.namespace)

        return is_visible

    def _job_updates(self, follower: Follower, **given: Any) -> Source:
        run_id = parse_job_id(given["jobId"])
        after = read_cursor(given.get("after"))
        self._scope().run(run_id)
        return self._follow_job(follower, run_id, after)

    def _follow_job(self, follower: Follower, run_id: str, after: int | None) -> Source:
        with self._feed.following(follower, run_id):
            run, place = self._reads.run_at(run_id)
            standing = Standing(run.state, run.progress)
            if after is None:
                yield _job(run, standing.state, place)
            else:
                place, standing = self._standing_at(run_id, after)
            while True:
                events = self._reads.events(run_id, place, _PART)
                if events:
                    run = self._reads.run(run_id)
                for event in events:
                    before, standing = standing, standing.after(event, run.steps_total)
                    place = event.sequence
                    if standing != before:
                        yield _job_as_of(run, standing, event)
                if len(events) == _PART:
                    continue
                if standing.state in RUN_TERMINAL:
                    return
                self._check(follower)
                if not _has_news(follower):
                    yield None

    def _standing_at(self, run_id: str, upto: int) -> tuple[int, Standing]:
        """Return where a job stood at a place of the journal, told from the journal alone."""
        run = self._reads.run(run_id)
        place, standing = 0, Standing()
        while True:
            events = self._reads.events(run_id, place, _PART)
            for event in events:
                if event.sequence > upto:
                    return upto, standing
                standing = standing.after(event, run.steps_total)
                place = event.sequence
            if not events:
                return upto, standing

    def _run_events(self, follower: Follower, **given: Any) -> Source:
        after = read_cursor(given.get("after"))
        run_id = None if given.get("jobId") is None else parse_job_id(given["jobId"])
        is_visible = self._visible()
        names = None if given.get("names") is None else frozenset(given["names"])

        def chosen() -> Source:
            for event in self._events(follower, after):
                is_wanted = (
                    event is not None
                    and run_id in {None, event.run_id}
                    and (names is None or event.name in names)
                    and is_visible(event.run_id)
                )
                yield event_fields(event) if event is not None and is_wanted else None

        return chosen()

    def _jobs(self, follower: Follower, **given: Any) -> Source:
        after = read_cursor(given.pop("after", None))
        wanted = job_query(read_parameters(JobListQuery, given))
        return self._changed_jobs(follower, wanted, after)

    def _job_logs(self, follower: Follower, **given: Any) -> Source:
        return follow_job_logs(self._reads, self._scope(), follower, self._check, given)

    def _changed_jobs(
        self, follower: Follower, wanted: RunQuery | None, after: int | None
    ) -> Source:
        for event in self._events(follower, after):
            yield None if event is None or wanted is None else self._changed_job(wanted, event)

    def _changed_job(self, wanted: RunQuery, event: EventView) -> Node[RunView] | None:
        state = _STATE_AFTER.get(event.name) if event.step is None else None
        if state is None or (wanted.states is not None and state not in wanted.states):
            return None
        run = self._reads.runs_by_id([event.run_id]).get(event.run_id)
        if run is None or not _fits(run, wanted) or not self._scope().sees(run.namespace):
            return None
        progress = 1.0 if state is RunState.COMPLETED else run.progress
        return _job_as_of(run, Standing(state, progress), event)

    def _events(
        self, follower: Follower, after: int | None
    ) -> Generator[EventView | None, None, None]:
        with self._feed.following(follower):
            place = self._reads.journal_end() if after is None else after
            while True:
                events = self._feed.since(place)
                for event in events:
                    place = event.sequence
                    yield event
                self._check(follower)
                if not events and not _has_news(follower):
                    yield None

    def _check(self, follower: Follower) -> None:
        if follower.is_stopped:
            raise Stopped
        if seconds_left() <= 0:
            raise CredentialsEnded
        if self._feed.is_closed:
            raise Closing


def _has_news(follower: Follower) -> bool:
    """Wait for news, at most until it is time for a sign of life or the credentials end."""
    return follower.wait(max(0.0, min(HEARTBEAT_S, seconds_left())))


def _fits(run: RunView, wanted: RunQuery) -> bool:
    pairs = (
        (wanted.namespace, run.namespace),
        (wanted.name, run.name),
        (wanted.version, run.version),
    )
    return all(value is None or value == found for value, found in pairs)


def _job_as_of(run: RunView, standing: Standing, event: EventView) -> Node[RunView]:
    """Return a job as it was after an event, which may be a while ago."""
    if run.state is standing.state and run.state in RUN_TERMINAL:
        return _job(run, run.state, event.sequence)
    error = event.data.get("error") if standing.state is RunState.FAILED else None
    at = to_millis(event.at)
    then = {
        "progress": standing.progress,
        "updated_at": at,
        "result": None,
        "error": error["message"] if error else None,
        "error_details": None,
        "completed_at": at if standing.state in RUN_TERMINAL else None,
        "duration_ms": None,
    }
    return _job(run, standing.state, event.sequence, then)


def _job(
    run: RunView, state: RunState, place: int, then: Mapping[str, Any] | None = None
) -> Node[RunView]:
    extra = {**(then or {}), "status": JOB_STATUS[state], "cursor": str(place)}
    return Node(run, Batch([run]), show_job, extra)
