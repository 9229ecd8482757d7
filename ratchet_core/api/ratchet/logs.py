"""`/api/v1/logs` and the logs of jobs and executions: searched in parts, or followed live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from flask import Response, request

from ratchet_core.access import ScopedReads
from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import AT_EXIT, ratchet
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.door.refusal import Malformed
from ratchet_core.api.door.stream import CONTENT_TYPE, Sent, Streams
from ratchet_core.api.ratchet.filter import of_task
from ratchet_core.api.ratchet.jobs import parse_job_id
from ratchet_core.api.ratchet.log import (
    LinePart,
    LogFollowAllQuery,
    LogFollowQuery,
    LogListQuery,
    LogPageSchema,
    show_line,
    span_of,
)
from ratchet_core.api.ratchet.state import JOB_STATUS
from ratchet_core.domain.log import LogPage, LogQuery
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.errors import AttemptNotFound, WorkflowNotFound

#: Lines that a follower is sent at once.
_PART: Final = 500
_MOST_DIGITS: Final = 18


def declare_logs(blueprint: DoorBlueprint) -> None:
    """Add the operations on logs to `blueprint`."""
    _declare_lists(blueprint)
    streams = Streams()
    blueprint.record(
        lambda state: state.app.extensions.setdefault(AT_EXIT, []).append(streams.close)
    )
    _declare_streams(blueprint, streams)


def _declare_lists(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/logs",
        "listLogs",
        permission="run:read",
        query=LogListQuery,
        answers={200: LogPageSchema},
    )
    def list_logs(query: Mapping[str, Any]) -> Response:
        """Search what executions have logged, newest first."""
        wanted = log_query(query)
        return _part(wanted, query)

    @blueprint.operation(
        "GET",
        "/jobs/<job_id>/logs",
        "listJobLogs",
        permission="run:read",
        query=LinePart,
        answers={200: LogPageSchema},
        problems=(404,),
    )
    def list_job_logs(query: Mapping[str, Any], job_id: str) -> Response:
        """List what the executions of a job have logged, oldest first."""
        run = reads().run(parse_job_id(job_id))
        return _part(LogQuery(run_id=run.id, **span_of(query)), query)

    @blueprint.operation(
        "GET",
        "/executions/<execution_id>/logs",
        "listExecutionLogs",
        permission="run:read",
        query=LinePart,
        answers={200: LogPageSchema},
        problems=(404,),
    )
    def list_execution_logs(query: Mapping[str, Any], execution_id: str) -> Response:
        """List what an execution has logged, oldest first."""
        attempt_id = read_id(execution_id)
        if attempt_id is None:
            raise AttemptNotFound(execution_id[:100])
        attempt = reads().attempt(attempt_id)
        return _part(LogQuery(attempt_id=attempt.id, **span_of(query)), query)


def _declare_streams(blueprint: DoorBlueprint, streams: Streams) -> None:
    @blueprint.operation(
        "GET",
        "/logs/stream",
        "streamLogs",
        permission="run:read",
        query=LogFollowAllQuery,
        answers={200: None},
        content_type=CONTENT_TYPE,
    )
    def stream_logs(query: Mapping[str, Any]) -> Response:
        """Follow what executions log from now on, as server-sent events.

        Each line is an event `log`, whose id a client names as `Last-Event-ID` when it comes back.
        """
        wanted, scope = log_query(query), reads()
        place = _place(query)
        start = scope.logs_end() if place is None else place

        def events() -> Iterator[Sent | None]:
            return _lines(scope, streams, wanted, start, None)

        return streams.answer(events, ratchet().settings.logs.max_streams)

    @blueprint.operation(
        "GET",
        "/jobs/<job_id>/logs/stream",
        "streamJobLogs",
        permission="run:read",
        query=LogFollowQuery,
        answers={200: None},
        problems=(404,),
        content_type=CONTENT_TYPE,
    )
    def stream_job_logs(query: Mapping[str, Any], job_id: str) -> Response:
        """Send what a job has logged and follow it to its end, as server-sent events.

        Each line is an event `log`, whose id a client names as `Last-Event-ID` when it comes back.
        The last event is `end` with the job's `status`.
        """
        scope = reads()
        run = scope.run(parse_job_id(job_id))
        wanted = LogQuery(run_id=run.id, **span_of(query))
        place = _place(query) or 0

        def events() -> Iterator[Sent | None]:
            return _lines(scope, streams, wanted, place, run.id)

        return streams.answer(events, ratchet().settings.logs.max_streams)


def _part(wanted: LogQuery | None, query: Mapping[str, Any]) -> Response:
    page = LogPage((), None)
    if wanted is not None:
        options = {"order": query["order"], "cursor": query.get("cursor")}
        page = reads().logs(wanted, query["limit"], **options)
    items = [show_line(line) for line in page.items]
    return answer.json({"items": items, "next_cursor": page.next_cursor})


def _lines(
    scope: ScopedReads, streams: Streams, wanted: LogQuery | None, place: int, run_id: str | None
) -> Iterator[Sent | None]:
    """Yield lines after a place as they come; those of a run until it has ended."""
    pause_s = ratchet().settings.worker.poll_interval_s
    while not streams.is_over():
        # the state first: lines are stored before the end of their run
        state = None if run_id is None else ratchet().reads.run_state(run_id)
        lines = () if wanted is None else scope.logs_after(wanted, place, _PART)
        for line in lines:
            place = line.sequence
            yield Sent("log", show_line(line), place)
        if len(lines) == _PART:
            continue
        if state in RUN_TERMINAL:
            yield Sent("end", {"status": JOB_STATUS[state]})
            return
        yield None
        streams.pause(pause_s)


def log_query(query: Mapping[str, Any]) -> LogQuery | None:
    """Return the filters of a search; None where nothing can match."""
    try:
        task = of_task(query)
    except WorkflowNotFound:
        return None
    wanted = LogQuery(namespace=task["namespace"], name=task["name"], **span_of(query))
    for given, field in (("job_id", "run_id"), ("execution_id", "attempt_id")):
        if given in query:
            found = read_id(query[given])
            if found is None:
                return None
            chosen: dict[str, Any] = {field: found}
            wanted = replace(wanted, **chosen)
    return wanted


def _place(query: Mapping[str, Any]) -> int | None:
    """Return the place after which a follower goes on; None where it says none.

    Raises:
        Malformed: the header is no place of ours.
    """
    said = request.headers.get("Last-Event-ID", "")
    if not said:
        place: int | None = query.get("after")
        return place
    if not (said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS):
        message = "Last-Event-ID is no place of this stream: it is the `id` of an earlier event"
        raise Malformed(message, {"Last-Event-ID": ["must be a whole number"]})
    return int(said)
