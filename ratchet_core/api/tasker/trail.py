"""`/tasker/tasks/{id}/audit`: every move of a task and its steps, with who made it. Extension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_seconds
from ratchet_core.api.tasker.request import TrailQuery
from ratchet_core.api.tasker.state import STEP_STATUS, TASK_STATUS
from ratchet_core.api.tasker.task_verbs import read_task_id
from ratchet_core.domain.events import RUN_EVENTS, STEP_EVENTS, EventName
from ratchet_core.domain.states import RunState
from ratchet_core.domain.views import TrailEntryView

#: The status that a task is in after a move.
_TASK_AFTER: Final[Mapping[str, str]] = {
    EventName.RUN_CREATED: TASK_STATUS[RunState.PENDING],
    EventName.RUN_RETRIED: TASK_STATUS[RunState.PENDING],
    EventName.RUN_PAUSED: TASK_STATUS[RunState.PAUSED],
    EventName.RUN_RESUMED: TASK_STATUS[RunState.PENDING],
    **{event: TASK_STATUS[state] for state, event in RUN_EVENTS.items()},
}
#: The status that a step is in after a move.
_STEP_AFTER: Final[Mapping[str, str]] = {
    EventName.STEP_RESET: "pending",
    **{event: STEP_STATUS[state] for state, event in STEP_EVENTS.items()},
}
_AFTER: Final = {**_TASK_AFTER, **_STEP_AFTER}


class TaskerTransitionSchema(AnswerSchema):
    """One move of a task, or of one of its steps."""

    sort_key = shown(fields.Integer, "Grows with every entry.")
    event = shown(fields.String, "What happened, such as `step.completed`.")
    step_name = shown(fields.String, "The step; null for the task itself.", allow_none=True)
    from_state = shown(fields.String, "Status before; null where it stayed.", allow_none=True)
    to_state = shown(fields.String, "Status after; null where it stayed.", allow_none=True)
    by = shown(fields.String, "Who did it; null for the engine.", allow_none=True)
    reason = shown(fields.String, "Why, as an operator said.", allow_none=True)
    attempt = shown(fields.Integer, "Number of the attempt, of a step's.", allow_none=True)
    metadata = shown(Json, "What else belongs to it.")
    created_at = shown(fields.DateTime, "When it happened.")


class TaskerTrailSchema(AnswerSchema):
    """A part of the audit trail of a task."""

    task_id = shown(fields.String, "UUID of the task.")
    transitions = shown(fields.List, "Oldest first.", fields.Nested(TaskerTransitionSchema))
    next_after = shown(fields.Integer, "For `after`, to read on.")


def declare_trail(blueprint: DoorBlueprint) -> None:
    """Declare the operation."""

    @blueprint.operation(
        "GET",
        "/tasks/<task_id>/audit",
        "getTaskAuditTrail",
        permission="run:read",
        spelled="tasker.task:show",
        query=TrailQuery,
        answers={200: TaskerTrailSchema},
        problems=(404,),
    )
    def get_trail(query: Mapping[str, Any], task_id: str) -> Response:
        """List the moves of a task and its steps, oldest first."""
        run_id = read_task_id(task_id)
        trail = reads().trail(run_id, query["after"], query["limit"])
        return answer.json(
            {
                "task_id": run_id,
                "transitions": [show_transition(item) for item in trail],
                "next_after": trail[-1].event.sequence if trail else query["after"],
            }
        )


def show_transition(entry: TrailEntryView) -> dict[str, Any]:
    """Return one move."""
    event = entry.event
    told = dict(event.data)
    to_state = _AFTER.get(event.name)
    from_state = None
    if to_state is not None and event.name != EventName.RUN_CREATED:
        from_state = _AFTER.get(entry.before or "", "pending")
    return {
        "sort_key": event.sequence,
        "event": event.name,
        "step_name": event.step,
        "from_state": from_state,
        "to_state": to_state,
        "by": told.pop("by", None),
        "reason": told.pop("reason", None),
        "attempt": told.pop("attempt", None),
        "metadata": told,
        "created_at": to_seconds(event.at),
    }
