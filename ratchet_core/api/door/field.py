"""Fields of requests and answers: strict where they read, described where they only document.

Parameters come as text, so `"1_0"` and `" 7"` have to be refused here: Python would read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from ratchet_core.api.door.moment import read_moment

_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
#: A semantic version, in the syntax that Python and JavaScript share; `domain.version` reads it.
_VERSION: Final = (
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
    r"(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_LOGICAL: Final = {"true": True, "1": True, "false": False, "0": False}
#: Most items that a list in a parameter may have.
MAX_ITEMS: Final = 100


class AnswerSchema(Schema):
    """Base of what we send: documents, and never reads."""

    class Meta:
        """Clients must bear keys that are added later."""

        unknown = EXCLUDE


class RequestSchema(Schema):
    """Base of what we read: what it does not name is refused."""

    class Meta:
        """A misspelt key is told to the client."""

        unknown = RAISE


class Json(fields.Raw):
    """Any JSON value, null included."""

    def deserialize(
        self,
        value: Any,
        attr: str | None = None,
        data: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Return the value; null is a value like any other."""
        return None if value is None else super().deserialize(value, attr, data, **options)


class Whole(fields.Integer):
    """A whole number between two bounds, both included."""

    def __init__(self, minimum: int, maximum: int, **options: Any) -> None:
        bounds = {"minimum": minimum, "maximum": maximum}
        options["metadata"] = {**bounds, **options.get("metadata", {})}
        super().__init__(**options)
        self.minimum, self.maximum = minimum, maximum

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> int:
        number = _as_whole(value)
        if number is None:
            raise ValidationError("must be a whole number")
        if not self.minimum <= number <= self.maximum:
            raise ValidationError(f"must be between {self.minimum} and {self.maximum}")
        return number


def _as_whole(value: Any) -> int | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class Seconds(fields.Float):
    """A duration in seconds between 0 and a bound, both included."""

    def __init__(self, maximum: float, **options: Any) -> None:
        bounds = {"minimum": 0, "maximum": maximum}
        options["metadata"] = {**bounds, **options.get("metadata", {})}
        super().__init__(**options)
        self.maximum = maximum

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> float:
        if not (isinstance(value, str) and _NUMBER.fullmatch(value)):
            raise ValidationError("must be a number of seconds")
        if not 0 <= float(value) <= self.maximum:
            raise ValidationError(f"must be between 0 and {self.maximum:g} seconds")
        return float(value)


class Logical(fields.Boolean):
    """`true` or `false`; `1` and `0` mean the same."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _LOGICAL:
            return _LOGICAL[value.lower()]
        raise ValidationError("must be true or false")


class Flag(fields.Boolean):
    """JSON's `true` or `false` and nothing that merely equals them."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Moment(fields.DateTime):
    """An ISO-8601 time."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("must be a time such as 2026-01-31T09:30:00Z")
        try:
            return read_moment(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Word(fields.String):
    """Text without control characters, at most `longest` characters.

    Args:
        longest: number of characters.
        pattern: what the whole text has to match instead, in the syntax that Python and
            JavaScript share.
        rule: what a text that does not match is told.
    """

    def __init__(
        self,
        longest: int = 256,
        *,
        pattern: str = r"[^\x00-\x1f\x7f]*",
        rule: str = "must not contain control characters",
        **options: Any,
    ) -> None:
        shape = {"maxLength": longest, "pattern": f"^{pattern}$"}
        options["metadata"] = {**shape, **options.get("metadata", {})}
        super().__init__(**options)
        self.longest, self.rule = longest, rule
        self.form = re.compile(pattern)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if len(value) > self.longest:
            raise ValidationError(f"must be at most {self.longest} characters")
        if not self.form.fullmatch(value):
            raise ValidationError(self.rule)
        return value


def version_word(text: str) -> Word:
    """Return a field for a semantic version, described by `text`."""
    rule = "must be a semantic version such as 1.0.0"
    return Word(64, pattern=_VERSION, rule=rule, metadata={"description": text})


class Choice(fields.String):
    """One of a few words, or an alias of one."""

    def __init__(self, legal: Mapping[str, Any], **options: Any) -> None:
        options["metadata"] = {"enum": list(legal), **options.get("metadata", {})}
        super().__init__(**options)
        self.legal = legal

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> Any:
        if not isinstance(value, str) or value not in self.legal:
            raise ValidationError(f"must be one of {', '.join(self.legal)}")
        return self.legal[value]


class CommaList(fields.Field[tuple[Any, ...]]):
    """Several values in one parameter, separated by commas.

    Args:
        item: reads each value.
        pattern: what each value looks like, for the document.
    """

    def __init__(
        self,
        item: fields.Field[Any],
        *,
        pattern: str = r"^[^,\x00-\x1f\x7f]+$",
        **options: Any,
    ) -> None:
        items: dict[str, Any] = {"type": "string", "minLength": 1, "pattern": pattern}
        if isinstance(item, Choice):
            items["enum"] = item.metadata["enum"]
        if isinstance(item, Word):
            items["maxLength"] = item.longest
        shape = {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_ITEMS}
        options["metadata"] = {**shape, **options.get("metadata", {})}
        super().__init__(**options)
        self.item = item

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> tuple[Any, ...]:
        parts = [part for part in str(value).split(",") if part]
        if not 0 < len(parts) <= MAX_ITEMS:
            raise ValidationError(f"must be 1 to {MAX_ITEMS} values separated by commas")
        return tuple(self.item.deserialize(part) for part in parts)


def comma_list_in_parameter(
    _converter: object, field: fields.Field[Any], **_: Any
) -> dict[str, Any]:
    """Tell apispec how a `CommaList` is written in a parameter."""
    return {"style": "form", "explode": False} if isinstance(field, CommaList) else {}


def shown(kind: type[fields.Field[Any]], text: str, *args: Any, **options: Any) -> Any:
    """Return a field of an answer: always there, described by `text`.

    Args:
        kind: class of the field.
        text: one phrase for the document.
        args: for the class.
        options: for the class; `optional=True` for a key that may be absent.
    """
    required = not options.pop("optional", False)
    metadata = {"description": text, **options.pop("metadata", {})}
    return kind(*args, required=required, metadata=metadata, **options)


def flatten(messages: Any, place: str = "") -> Iterable[tuple[str, list[str]]]:
    """Yield each field's dotted place and the messages about it."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from flatten(inner, f"{place}.{key}" if place else str(key))
    else:
        listed = messages if isinstance(messages, list) else [messages]
        yield place, [str(message) for message in listed]
