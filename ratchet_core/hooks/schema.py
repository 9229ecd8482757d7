"""Settings of plugins, checked against the JSON Schemas that plugins declare."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import jsonschema_rs

from ratchet_core.errors import PluginError

#: Most problems that are told at once.
_MAX_PROBLEMS: Final = 5


def with_defaults(schema: Any, given: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """Return the settings with the defaults of the schema, if they match it.

    Values are shown in no message, because they may be secret.

    Args:
        schema: what the plugin declares.
        given: what is configured.
        place: of the settings in the configuration.

    Raises:
        PluginError: the schema is none, or the settings do not match it.
    """
    if not isinstance(schema, Mapping):
        raise PluginError(f"its settings schema is {type(schema).__name__}, not a JSON Schema")
    try:
        validator = jsonschema_rs.validator_for(dict(schema), mask="…")
    except ValueError as error:
        raise PluginError(f"its settings schema is no JSON Schema: {_line(error)}") from None
    properties = schema.get("properties", {})
    filled = {
        key: item["default"]
        for key, item in properties.items()
        if isinstance(item, Mapping) and "default" in item
    }
    filled |= given
    problems = [
        _told(error, place) for error in islice(validator.iter_errors(filled), _MAX_PROBLEMS)
    ]
    if problems:
        raise PluginError("; ".join(problems))
    return MappingProxyType(filled)


def _told(error: jsonschema_rs.ValidationError, place: str) -> str:
    where = ".".join((place, *map(str, error.instance_path)))
    return f"{where}: {error.message.split(chr(10), maxsplit=1)[0]}"


def _line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:300]
