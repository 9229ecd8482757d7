"""Lines of logs in the graph: of executions and jobs, searched, and followed to a job's end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from graphql import GraphQLResolveInfo

from ratchet_core.access import ScopedReads
from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.graphql.arguments import read_cursor, read_parameters
from ratchet_core.api.graphql.feed import Follower
from ratchet_core.api.graphql.node import Node
from ratchet_core.api.ratchet.jobs import parse_job_id
from ratchet_core.api.ratchet.log import (
    LineFilter,
    LinePart,
    LogFollowAllQuery,
    LogListQuery,
    show_line,
    span_of,
)
from ratchet_core.api.ratchet.logs import log_query
from ratchet_core.domain.log import LogPage, LogQuery, LogView
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.domain.views import AttemptView, RunView
from ratchet_core.store.reads import Reads

Fields = dict[str, Any]

#: Lines that an execution is shown with.
_MOST: Final = 100
#: Lines that a follower is given at once.
_PART: Final = 200
#: Pause between two looks for new lines.
_LOOK_S: Final = 0.25


def logs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of what executions have logged."""
    query = read_parameters(LogListQuery, given)
    wanted = log_query(query)
    if wanted is None:
        return _shown(LogPage((), None))
    options = {"order": query["order"], "cursor": query.get("cursor")}
    return _shown(reads().logs(wanted, query["limit"], **options))


def logs_of_job(node: Node[RunView], _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of what the executions of a job have logged; for all jobs around it at once."""
    permit(node.view.namespace)
    query = read_parameters(LinePart, given)
    limit, order, cursor = query["limit"], query["order"], query.get("cursor")
    wanted = LogQuery(**span_of(query))

    def load(views: Sequence[RunView]) -> Mapping[str, LogPage]:
        ids = [view.id for view in views]
        return ratchet().reads.logs.pages_of_runs(wanted, ids, limit, order=order, cursor=cursor)

    return _shown(node.batch.load(("logs", wanted, limit, order, cursor), load)[node.view.id])


def logs_of_execution(node: Node[AttemptView], _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the first lines of an execution, loaded for all executions around it at once."""

    def load(views: Sequence[AttemptView]) -> Mapping[str, Sequence[LogView]]:
        return ratchet().reads.logs.of_attempts([view.id for view in views], _MOST)

    permit(node.view.namespace)
    return [line_fields(line) for line in node.batch.load("logs", load)[node.view.id]]


def follow_job_logs(
    stored: Reads,
    scope: ScopedReads,
    follower: Follower,
    check: Callable[[Follower], None],
    given: Mapping[str, Any],
) -> Generator[Any, None, None]:
    """Return the source of lines of one job, until it has come to its end.

    Args:
        stored: what is read.
        scope: the same, as far as the caller may see it.
        follower: stops it.
        check: raises where it has to end.
        given: arguments of the field.

    Raises:
        RunNotFound, Malformed: there is nothing to follow, or an argument is not valid.
    """
    run_id = scope.run(parse_job_id(given["jobId"])).id
    place = read_cursor(given.get("after")) or 0
    chosen = {name: given.get(name) for name in ("level", "text")}
    wanted = LogQuery(run_id=run_id, **span_of(read_parameters(LineFilter, chosen)))

    def lines(place: int) -> Generator[Any, None, None]:
        while True:
            # the state first: lines are stored before the end of their run
            state = stored.run_state(run_id)
            found = stored.logs.after(wanted, place, _PART)
            for line in found:
                place = line.sequence
                yield line_fields(line)
            if len(found) == _PART:
                continue
            if state in RUN_TERMINAL:
                return
            check(follower)
            if not follower.wait(_LOOK_S):
                yield None

    return lines(place)


def follow_logs(
    scope: ScopedReads,
    follower: Follower,
    check: Callable[[Follower], None],
    given: Mapping[str, Any],
) -> Generator[Any, None, None]:
    """Return the source of lines of everything, without end.

    Args:
        scope: what is read, as far as the caller may see it.
        follower: stops it.
        check: raises where it has to end.
        given: arguments of the field.

    Raises:
        Malformed: an argument is not valid.
    """
    after = read_cursor(given.get("after"))
    chosen = {name: value for name, value in given.items() if name != "after"}
    wanted = log_query(read_parameters(LogFollowAllQuery, chosen))
    start = scope.logs_end() if after is None else after

    def lines(place: int) -> Generator[Any, None, None]:
        while True:
            found = () if wanted is None else scope.logs_after(wanted, place, _PART)
            for line in found:
                place = line.sequence
                yield line_fields(line)
            check(follower)
            if len(found) < _PART and not follower.wait(_LOOK_S):
                yield None

    return lines(start)


def line_fields(line: LogView) -> Fields:
    """Return a line."""
    return {**show_line(line), "cursor": str(line.sequence)}


def _shown(page: LogPage) -> Fields:
    return {"items": [line_fields(line) for line in page.items], "next_cursor": page.next_cursor}
