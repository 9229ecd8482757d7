"""Lines of logs in `/api/v1`: parameters, schemas, and how a line is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from ratchet_core.api.door.field import (
    AnswerSchema,
    Choice,
    Moment,
    RequestSchema,
    Whole,
    Word,
    shown,
)
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.paging import DEFAULT_LIMIT, MAX_LIMIT
from ratchet_core.api.door.reference import name_of
from ratchet_core.domain.log import LEVELS, LogView

#: Lines that an execution is shown with.
SHOWN_WITH_EXECUTION = 1000
_LAST_PLACE = 2**62


class LineFilter(RequestSchema):
    """Which lines are wanted."""

    level = Choice(LEVELS, metadata={"description": "At least this level."})
    text = Word(
        500, metadata={"description": "Contained in the message; the case of a to z is ignored."}
    )


class LinePart(LineFilter):
    """Which part of the lines of one thing is wanted."""

    limit = Whole(
        1,
        MAX_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "At most this many lines."},
    )
    cursor = Word(
        1024,
        metadata={"description": "Where the part before ended: its `next_cursor`."},
    )
    order = Choice(
        {"asc": "asc", "desc": "desc"},
        load_default="asc",
        metadata={"description": "Oldest first (`asc`) or newest first."},
    )
    timestamp_gte = Moment(metadata={"description": "Written at or after."})
    timestamp_lte = Moment(metadata={"description": "Written at or before."})


class ThingFilter(RequestSchema):
    """Whose lines are wanted."""

    job_id = Word(64, metadata={"description": "Of this job."})
    execution_id = Word(64, metadata={"description": "Of this execution."})
    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    namespace = Word(metadata={"description": "Of the task."})


class LogListQuery(LinePart, ThingFilter):
    """Part and filters of the lines of everything."""

    order = Choice(
        {"desc": "desc", "asc": "asc"},
        load_default="desc",
        metadata={"description": "Newest first (`desc`) or oldest first."},
    )


class LogFollowQuery(LineFilter):
    """Which lines a follower wants."""

    after = Whole(
        0,
        _LAST_PLACE,
        metadata={"description": "Lines after this `sequence`; the header `Last-Event-ID` wins."},
    )


class LogFollowAllQuery(LogFollowQuery, ThingFilter):
    """Which lines of everything a follower wants."""


class LogLineSchema(AnswerSchema):
    """A line that an execution has logged."""

    sequence = shown(fields.Integer, "Grows with every line; the place of a follower.")
    timestamp = shown(fields.DateTime, "When it was written.")
    level = shown(fields.String, "How grave it is.", metadata={"enum": list(LEVELS)})
    message = shown(fields.String, "The text; what was left out is said in it.")
    logger = shown(fields.String, "Name of the Python logger, or null.", allow_none=True)
    job_id = shown(fields.String, "Of the job.")
    execution_id = shown(fields.String, "Of the execution.")
    task_id = shown(fields.String, "Of the task.")
    step = shown(fields.String, "Name of the step.")
    attempt = shown(fields.Integer, "Number of the execution among those of its step.")


class LogPageSchema(AnswerSchema):
    """A part of a list of lines."""

    items = shown(fields.List, "In the order asked for.", fields.Nested(LogLineSchema))
    next_cursor = shown(
        fields.String,
        "Where to go on: a search looks at a bounded number of lines, so there may be more even "
        "after no items. Null at the end.",
        allow_none=True,
    )


def show_line(line: LogView) -> dict[str, Any]:
    """Return a line."""
    return {
        "sequence": line.sequence,
        "timestamp": to_millis(line.at),
        "level": line.level,
        "message": line.message,
        "logger": line.logger,
        "job_id": line.run_id,
        "execution_id": line.attempt_id,
        "task_id": name_of(line.namespace, line.workflow),
        "step": line.step,
        "attempt": line.attempt,
    }


def span_of(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters that say which lines, but not whose."""
    return {
        "level": query.get("level"),
        "text": query.get("text"),
        "since": query.get("timestamp_gte"),
        "until": query.get("timestamp_lte"),
    }
