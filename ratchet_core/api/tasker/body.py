"""Reading bodies of `/tasker`: wrong types are 400, what is well-formed but invalid is 422.

Everything that is wrong is told together (seed 002, "Error Response Format"), which marshmallow's
fields cannot do in that order: they describe the body in the document and let it through to here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import INCLUDE

from ratchet_core.api.door.field import Json, RequestSchema
from ratchet_core.api.door.refusal import Malformed
from ratchet_core.domain.step_change import MAX_RETRY_LIMIT
from ratchet_core.errors import ValidationFailed

#: Longest text about a task, such as its reason.
MAX_TEXT: Final = 128
#: Most items of a list of texts.
MAX_LIST: Final = 100
#: Longest name of a kind of annotation.
MAX_TYPE: Final = 64
#: Text without control characters, in the syntax that Python and JavaScript share.
VISIBLE: Final = r"^[^\x00-\x1f\x7f]*$"

#: Text that every database stores, in the same syntax.
WITHOUT_NUL: Final = r"^[^\x00]*$"

_VISIBLE: Final = re.compile(VISIBLE)


class Documented(Json):
    """A field that stands in the document and lets everything through."""

    def deserialize(
        self,
        value: Any,
        attr: str | None = None,
        data: Mapping[str, Any] | None = None,
        **_options: Any,
    ) -> Any:
        """Return the value, missing or not."""
        return value


class TolerantBody(RequestSchema):
    """A body that is checked here, so that unknown fields are told with what else is wrong."""

    def load(self, data: Any, **options: Any) -> Any:
        """Return the body with all its keys; the document says that unknown ones are refused."""
        return super().load(data, **{**options, "unknown": INCLUDE})


def documented(kind: str, text: str, *, required: bool = False, **more: Any) -> Documented:
    """Return a field of a type of JSON Schema, described by `text`."""
    metadata = {"type": kind, "description": text, **more}
    return Documented(required=required, metadata=metadata)


def documented_text(text: str, **more: Any) -> Documented:
    """Return a field for a text about a task."""
    return documented("string", text, **{"maxLength": MAX_TEXT, "pattern": WITHOUT_NUL, **more})


def documented_list(text: str, **more: Any) -> Documented:
    """Return a field for a list of texts."""
    items = {"type": "string", "maxLength": MAX_TEXT, "pattern": WITHOUT_NUL}
    return documented("array", text, items=items, maxItems=MAX_LIST, **more)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field has to be."""

    noun: str  #: its type, such as `text`
    is_type: Callable[[Any], bool]
    problem: Callable[[Any], str | None] = lambda _: None  #: what is wrong with a value
    nullable: bool = False  #: null is a value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def text_problem(value: str) -> str | None:
    """Say what is wrong with a text about a task."""
    if len(value) > MAX_TEXT:
        return f"must be at most {MAX_TEXT} characters"
    return "must not contain NUL" if "\0" in value else None


def texts_problem(value: Sequence[str]) -> str | None:
    """Say what is wrong with a list of such texts."""
    if len(value) > MAX_LIST:
        return f"must hold at most {MAX_LIST} texts"
    problem = next(filter(None, map(text_problem, value)), None)
    return None if problem is None else f"holds a text that {problem}"


def _no_limit(value: int) -> str | None:
    fits = 0 <= value <= MAX_RETRY_LIMIT
    return None if fits else f"must be between 0 and {MAX_RETRY_LIMIT}"


def _no_type(value: str) -> str | None:
    fits = 0 < len(value) <= MAX_TYPE and _VISIBLE.fullmatch(value)
    return None if fits else f"must be 1 to {MAX_TYPE} characters, none of them a control character"


TEXT: Final = Rule("text", _is_text, text_problem, nullable=True)
TEXTS: Final = Rule("a list of texts", _is_texts, texts_problem, nullable=True)
OBJECT: Final = Rule("an object", _is_object)
OBJECT_OR_NULL: Final = Rule("an object or null", _is_object, nullable=True)
LIMIT: Final = Rule("a whole number", _is_whole, _no_limit)
FLAG: Final = Rule("true or false", _is_flag)
TYPE: Final = Rule("text", _is_text, _no_type)
ANYTHING: Final = Rule("JSON", lambda _: True, nullable=True)


def read_body(
    body: Mapping[str, Any], rules: Mapping[str, Rule], *needed: str
) -> Mapping[str, Any]:
    """Return a body once it is checked.

    Args:
        body: a JSON object.
        rules: each legal field to what it has to be.
        needed: fields that have to be there.

    Raises:
        Malformed: a field is of the wrong type.
        ValidationFailed: a field is missing, unknown or not valid.
    """
    wrong = {
        key: [f"must be {rules[key].noun}"]
        for key, value in body.items()
        if key in rules and not _fits(rules[key], value)
    }
    if wrong:
        field, messages = next(iter(wrong.items()))
        raise Malformed(f"The field '{field}' {messages[0]}", wrong)
    legal = ", ".join(rules)
    invalid = {key: ["must be present"] for key in needed if key not in body}
    for key, value in body.items():
        if key not in rules:
            invalid[key] = [f"is unknown; legal are {legal}"]
        elif value is not None and (problem := rules[key].problem(value)):
            invalid[key] = [problem]
    if invalid:
        field, messages = next(iter(invalid.items()))
        raise ValidationFailed(f"The body is not valid: {field} {messages[0]}", invalid)
    return body


def _fits(rule: Rule, value: Any) -> bool:
    return rule.nullable if value is None else rule.is_type(value)
