"""Arguments, read by the very schemas that read the parameters and bodies of `/api/v1`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError

from ratchet_core.api.door.field import flatten
from ratchet_core.api.door.refusal import Malformed

_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_UNDERSCORE: Final = re.compile(r"_([a-z0-9])")


def read_parameters(schema: type[Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as the parameters of a list; null counts as absent.

    Raises:
        Malformed: naming the arguments that are not valid.
    """
    texts = {key: _as_parameter(value) for key, value in given.items() if value is not None}
    return read_body(schema, texts)


def read_body(schema: type[Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as the keys of a body.

    Raises:
        Malformed: naming the arguments that are not valid.
    """
    try:
        named = {snake(key): value for key, value in given.items()}
        loaded: dict[str, Any] = _made(schema).load(named)
    except ValidationError as error:
        details = {camel(place): texts for place, texts in flatten(error.messages)}
        place, texts = next(iter(details.items()))
        message = f"The arguments are not valid: {place}: {texts[0]}"
        raise Malformed(message, details) from None
    return loaded


def read_cursor(text: str | None) -> int | None:
    """Return a place in the journal; None where there is none.

    Raises:
        Malformed: it is not one that we gave out.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < len("9223372036854775807")):
        rule = "must be the `cursor` of an earlier update"
        raise Malformed(f"The arguments are not valid: after: {rule}", {"after": [rule]})
    return int(text)


@functools.cache
def _made(schema: type[Schema]) -> Schema:
    """Return the one instance of a schema: making one takes longer than reading with it."""
    return schema()


def _as_parameter(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return value


def snake(name: str) -> str:
    """Return the name of an argument as `/api/v1` spells it."""
    return _HUMP.sub(lambda match: f"_{match[1].lower()}", name)


def camel(name: str) -> str:
    """Return a name of `/api/v1` as arguments are spelled."""
    return _UNDERSCORE.sub(lambda match: match[1].upper(), name)
