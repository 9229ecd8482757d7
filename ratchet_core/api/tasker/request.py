"""What `/tasker` reads: bodies and parameters, and the request to the engine made of them.

A field of the wrong type is 400, one that is well-formed but invalid 422, and all that are wrong
are told together (seed 002, "Error Response Format").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import request

from ratchet_core.api.door.call import principal
from ratchet_core.api.door.field import Choice, Logical, RequestSchema, Whole, Word, version_word
from ratchet_core.api.door.idempotency import idempotency_key
from ratchet_core.api.door.moment import read_moment
from ratchet_core.api.door.paging import PageQuery
from ratchet_core.api.door.refusal import Malformed
from ratchet_core.api.tasker.body import (
    ANYTHING,
    FLAG,
    LIMIT,
    MAX_TEXT,
    MAX_TYPE,
    OBJECT,
    OBJECT_OR_NULL,
    TEXT,
    TEXTS,
    TYPE,
    VISIBLE,
    Documented,
    Rule,
    TolerantBody,
    documented,
    documented_list,
    documented_text,
    text_problem,
    texts_problem,
)
from ratchet_core.api.tasker.problem import INVALID_TASK
from ratchet_core.api.tasker.state import TASK_FILTER
from ratchet_core.domain.step_change import MAX_RETRY_LIMIT
from ratchet_core.domain.version import is_version
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ValidationFailed

#: For the document; `domain` decides.
_NAME: Final = "^[A-Za-z0-9_]([A-Za-z0-9_.:-]*[A-Za-z0-9_])?$"
_VERSION: Final = (
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
    r"(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?$"
)


class CreateTaskBody(TolerantBody):
    """A request for a task. Read by `read_task`; the types here are for the document."""

    name = documented_text("Of the handler.", required=True, pattern=_NAME)
    namespace = documented_text("Of the handler.", required=True, pattern=_NAME)
    version = documented(
        "string", "Of the handler; absent means the latest.", pattern=_VERSION, maxLength=64
    )
    context = documented("object", "Input of the task.")
    initiator = documented_text("Who asks.")
    source_system = documented_text("Where the request comes from.")
    reason = documented_text("Why.")
    tags = documented_list("Words to find the task by.")
    bypass_steps = documented_list("Skippable steps that are not to run.")
    requested_at = documented("string", "When it was asked for.", format="date-time")


class UpdateTaskBody(TolerantBody):
    """What is to change about a task; null takes a field away."""

    reason = documented_text("Why it was asked for.", nullable=True)
    tags = documented_list("Words to find the task by.", nullable=True)


class ReasonBody(TolerantBody):
    """Why an operator does something."""

    reason = documented_text("For the audit trail.", nullable=True)


class RetryTaskBody(TolerantBody):
    """From where a task is to go on."""

    from_step = documented_text("This step and all below it run again.", nullable=True)


class EditStepBody(TolerantBody):
    """What is to change about a step that does not run, for this task alone."""

    retry_limit = documented(
        "integer", "Highest number of attempts; 0 means one.", minimum=0, maximum=MAX_RETRY_LIMIT
    )
    retryable = documented("boolean", "A failed attempt may be tried again.")
    inputs = documented("object", "In place of the context; null: the context.", nullable=True)
    configuration = documented("object", "In place of the `handler_config`.")


class CompleteStepBody(ReasonBody):
    """The result that a step has not given itself."""

    results = Documented(required=True, metadata={"description": "JSON value."})


class AnnotationBody(TolerantBody):
    """Something to note about a task."""

    annotation_type = documented(
        "string",
        "What kind of note it is.",
        required=True,
        minLength=1,
        maxLength=MAX_TYPE,
        pattern=VISIBLE,
    )
    annotation = Documented(required=True, metadata={"description": "JSON value."})


#: What the fields of each body have to be, for `read_body`.
UPDATE_TASK: Final[Mapping[str, Rule]] = {"reason": TEXT, "tags": TEXTS}
REASON: Final[Mapping[str, Rule]] = {"reason": TEXT}
RETRY_TASK: Final[Mapping[str, Rule]] = {"from_step": TEXT}
EDIT_STEP: Final[Mapping[str, Rule]] = {
    "retry_limit": LIMIT,
    "retryable": FLAG,
    "inputs": OBJECT_OR_NULL,
    "configuration": OBJECT,
}
COMPLETE_STEP: Final[Mapping[str, Rule]] = {"results": ANYTHING, "reason": TEXT}
ANNOTATION: Final[Mapping[str, Rule]] = {"annotation_type": TYPE, "annotation": ANYTHING}


class ExtendedQuery(RequestSchema):
    """Whether more than the seed's keys is wanted."""

    extended = Logical(load_default=False, metadata={"description": "Show more keys."})


class VersionQuery(RequestSchema):
    """Which version of a handler is wanted."""

    version = Word(64, metadata={"description": "Absent or `latest`: the latest."})


class HandlerQuery(VersionQuery, ExtendedQuery):
    """Which version of a handler is wanted, and how much of it."""


class TaskQuery(ExtendedQuery):
    """What of a task is wanted."""

    include_dependencies = Logical(
        load_default=False, metadata={"description": "Show how the steps hold each other up."}
    )


class AnnotationQuery(RequestSchema):
    """Which notes about a task are wanted."""

    annotation_type = Word(MAX_TYPE, metadata={"description": "What kind of note it is."})


class TrailQuery(RequestSchema):
    """Which part of the audit trail of a task is wanted."""

    after = Whole(
        0,
        2**53,
        load_default=0,
        metadata={"description": "`sort_key` of the last entry of the part before."},
    )
    limit = Whole(1, 1000, load_default=100, metadata={"description": "At most this many entries."})


class BottleneckQuery(RequestSchema):
    """Of what a report is wanted."""

    namespace = Word(metadata={"description": "Of the handler."})
    name = Word(metadata={"description": "Of the handler."})
    version = version_word("Of the handler.")
    period = Whole(1, 720, load_default=24, metadata={"description": "Hours up to now."})


class TaskListQuery(PageQuery, ExtendedQuery):
    """Page and filters of the list of tasks."""

    namespace = Word(metadata={"description": "Of the handler."})
    name = Word(metadata={"description": "Of the handler."})
    version = version_word("Of the handler.")
    status = Choice(TASK_FILTER, metadata={"description": "Where the task stands."})


def read_task(body: Mapping[str, Any]) -> SubmitRequest:
    """Return the request for a run that the body of `POST /tasks` makes.

    Raises:
        Malformed: a field is of the wrong type.
        ValidationFailed: a field is missing, unknown or not valid.
    """
    given = {key: value for key, value in body.items() if value is not None}
    wrong = {
        key: [f"must be {_TYPES[key][0]}"]
        for key, value in given.items()
        if key in _TYPES and not _TYPES[key][1](value)
    }
    if wrong:
        field, messages = next(iter(wrong.items()))
        raise Malformed(f"The field '{field}' {messages[0]}", wrong)
    invalid = _invalid(given)
    if invalid:
        code, message = INVALID_TASK
        raise ValidationFailed(message, invalid, code)
    return SubmitRequest(
        namespace=given["namespace"],
        name=given["name"],
        version=given.get("version"),
        input=given.get("context", {}),
        idempotency_key=idempotency_key(request),
        principal=principal(),
        bypass_steps=tuple(given.get("bypass_steps", ())),
        origin={key: given[key] for key in _ORIGIN if key in given},
    )


_ORIGIN: Final = ("initiator", "source_system", "reason", "tags", "requested_at")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_TYPES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    **dict.fromkeys(
        ("name", "namespace", "version", "initiator", "source_system", "reason", "requested_at"),
        ("text", _is_text),
    ),
    **dict.fromkeys(("tags", "bypass_steps"), ("a list of texts", _is_texts)),
    "context": ("an object", _is_object),
}


def _invalid(given: Mapping[str, Any]) -> dict[str, list[str]]:
    invalid: dict[str, list[str]] = {}
    for key in ("name", "namespace"):
        if not given.get(key):
            invalid[key] = ["must be present"]
        elif not given[key].isprintable() or len(given[key]) > MAX_TEXT:
            invalid[key] = [f"must be at most {MAX_TEXT} printable characters"]
    if not is_version(given.get("version", "0.0.0")):
        invalid["version"] = ["must be a valid semantic version"]
    for key in ("initiator", "source_system", "reason"):
        if problem := text_problem(given.get(key, "")):
            invalid[key] = [problem]
    for key in ("tags", "bypass_steps"):
        if problem := texts_problem(given.get(key, ())):
            invalid[key] = [problem]
    if "requested_at" in given and not _is_moment(given["requested_at"]):
        invalid["requested_at"] = ["must be a time such as 2026-01-31T09:30:00Z"]
    legal = ", ".join(_TYPES)
    return invalid | {key: [f"is unknown; legal are {legal}"] for key in given.keys() - _TYPES}


def _is_moment(text: str) -> bool:
    try:
        read_moment(text)
    except ValueError:
        return False
    return True
