"""What subscriptions yield: jobs and events, out of the journal, one after another.

A source is opened by the thread that hears the client, so that a client that is answered after it
has subscribed misses nothing; then it belongs to one thread. It yields `None` where there is
nothing to tell, at the latest every few seconds, so that its owner sees whether the client is
still there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from ratchet_core.access import ScopedReads
from ratchet_core.api.door.access import authorize, reads_for
from ratchet_core.api.door.call import caller
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.graphql.arguments import read_cursor, read_parameters
from ratchet_core.api.graphql.expiry import CredentialsEnded, seconds_left
from ratchet_core.api.graphql.feed import Feed, Follower
from ratchet_core.api.graphql.log import follow_job_logs, follow_logs
from ratchet_core.api.graphql.node import Batch, Node
from ratchet_core.api.graphql.query import event_fields
from ratchet_core.api.graphql.standing import MOVES, Standing, Standings, standing_of
from ratchet_core.api.ratchet.job import show_job
from ratchet_core.api.ratchet.jobs import job_query, parse_job_id
from ratchet_core.api.ratchet.request import JobListQuery
from ratchet_core.api.ratchet.state import JOB_STATUS
from ratchet_core.domain.query import RunQuery
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.domain.views import EventView, RunView
from ratchet_core.store.reads import Reads

#: What a source yields: a root value, or None after a while without news.
Source = Generator[Any, None, None]
Events = Generator[EventView | None, None, None]

#: Longest time in which a source yields nothing at all.
HEARTBEAT_S: Final = 10.0
#: What following a job needs in its namespace.
_PERMISSION: Final = "run:read"
#: Runs of which one subscription remembers whether it may see them.
_REMEMBERED: Final = 1000
#: Entries of a job's journal that are read at once.
_PART: Final = 200


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
            "logs": self._logs,
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
            standing = standing_of(run)
            if after is None:
                yield _job(run, standing.state, place)
            else:
                place, standing = after, self._standing_at(run_id, after)
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

    def _standing_at(self, run_id: str, upto: int) -> Standing:
        """Return where a job stood at a place of the journal, told from the journal alone."""
        run = self._reads.run(run_id)
        place, standing = 0, Standing()
        while True:
            events = self._reads.events(run_id, place, _PART)
            for event in events:
                if event.sequence > upto:
                    return standing
                standing = standing.after(event, run.steps_total)
                place = event.sequence
            if not events:
                return standing

    def _run_events(self, follower: Follower, **given: Any) -> Source:
        after = read_cursor(given.get("after"))
        run_id = None if given.get("jobId") is None else parse_job_id(given["jobId"])
        is_visible = self._visible()
        names = None if given.get("names") is None else frozenset(given["names"])
        events = self._events(follower, after)

        def chosen() -> Source:
            for event in events:
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
        return self._changed_jobs(wanted, self._events(follower, after))

    def _job_logs(self, follower: Follower, **given: Any) -> Source:
        return follow_job_logs(self._reads, self._scope(), follower, self._check, given)

    def _logs(self, follower: Follower, **given: Any) -> Source:
        return follow_logs(self._scope(), follower, self._check, given)

    def _changed_jobs(self, wanted: RunQuery | None, events: Events) -> Source:
        standings = Standings(self._standing_at)
        for event in events:
            if event is None or wanted is None or event.name not in MOVES:
                yield None
            else:
                yield self._changed_job(wanted, standings, event)

    def _changed_job(
        self, wanted: RunQuery, standings: Standings, event: EventView
    ) -> Node[RunView] | None:
        run = self._reads.runs_by_id([event.run_id]).get(event.run_id)
        if run is None or not _fits(run, wanted) or not self._scope().sees(run.namespace):
            return None
        standing = standings.moved(run, event)
        if standing is None or (wanted.states is not None and standing.state not in wanted.states):
            return None
        return _job_as_of(run, standing, event)

    def _events(self, follower: Follower, after: int | None) -> Events:
        """Return what happens after a place; without one, after this call."""
        if after is not None:
            return self._events_after(follower, after, lambda _sequence: True)
        start = self._feed.start()
        return self._events_after(follower, start.place, start.is_new)

    def _events_after(
        self, follower: Follower, place: int, is_new: Callable[[int], bool]
    ) -> Events:
        with self._feed.following(follower):
            while True:
                events = self._feed.since(place)
                for event in events:
                    place = event.sequence
                    if is_new(place):
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
        "waiting_for": run.waiting_for if run.state is standing.state else standing.awaited,
    }
    return _job(run, standing.state, event.sequence, then)


def _job(
    run: RunView, state: RunState, place: int, then: Mapping[str, Any] | None = None
) -> Node[RunView]:
    extra = {**(then or {}), "status": JOB_STATUS[state], "cursor": str(place)}
    return Node(run, Batch([run]), show_job, extra)
