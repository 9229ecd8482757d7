"""JSON Schemas: checked when a definition is loaded, applied to inputs and results of runs.

The dialect is the one that `$schema` names, 2020-12 without one. No schema is ever fetched: a
`$ref` must stay inside its document. Patterns run on a matcher without backtracking; those that
need it (look-around, back-references) are given up after `BACKTRACK_LIMIT` steps: the value is then
refused with a message that says so. Known values of `format` are checked, unknown ones ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import orjson

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, Place, place_text

#: Steps that one pattern may go back on one value.
BACKTRACK_LIMIT: Final = 100_000
#: Most compiled schemas that are kept.
MAX_COMPILED: Final = 512
#: Most places that one check reports.
MAX_PLACES: Final = 100
#: Largest value, in items and keys, of which more than the first error is reported.
MAX_PARTS: Final = 10_000
#: Most characters of a value that a message repeats.
MAX_SHOWN: Final = 120
#: Longest message.
MAX_MESSAGE: Final = 500

_PATTERNS: Final = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=BACKTRACK_LIMIT, size_limit=10_000_000, dfa_size_limit=10_000_000
)
_LARGEST: Final = 2**64
# Stands for the value in the library's messages, so that we choose how much of it is shown.
_MASK: Final = "\ue000"


class InputValidator:
    """One compiled schema; safe to share between threads, and cheap to make again.

    Compiled schemas are kept by content, the `MAX_COMPILED` that were used last.

    Args:
        schema: JSON Schema.

    Raises:
        DefinitionError: it is no schema, or refers outside of itself; `place` is inside it.
    """

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:  # noqa: FBT001
        self._validator = _compile(schema)

    def is_valid(self, value: Any) -> bool:
        """Tell whether a JSON value fits."""
        try:
            return self._validator.is_valid(value)
        except ValueError:
            return False

    def check(self, value: Any, root: str = "") -> dict[str, list[str]]:
        """Return what is wrong with a JSON value; empty where nothing is.

        Args:
            value: JSON value.
            root: name of the whole in the paths, such as `input`.

        Returns:
            Dotted paths such as `input.items[2].name` to messages. A missing or forbidden
            property is reported under its own path.
        """
        if self.is_valid(value):
            return {}
        details: dict[str, list[str]] = {}
        try:
            for error in self._errors(value):
                for path, message in _readable(error, root):
                    details.setdefault(path, []).append(message[:MAX_MESSAGE])
        except ValueError as error:  # a lone surrogate, a type that JSON lacks, too deep
            details.setdefault(root, []).append(f"cannot be checked: {error}"[:MAX_MESSAGE])
        return details

    def _errors(self, value: Any) -> Iterable[jsonschema_rs.ValidationError]:
        """Return the first errors; of a large value only one, since the library makes them all."""
        if not _is_large(value):
            return islice(self._validator.iter_errors(value), MAX_PLACES)
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []


def _is_large(value: Any) -> bool:
    """Tell whether a value has more than `MAX_PARTS` parts."""
    open_values = [value]
    seen = 0
    while open_values:
        item = open_values.pop()
        seen += len(item) if isinstance(item, dict | list) else 0
        if seen > MAX_PARTS:
            return True
        if isinstance(item, dict):
            open_values.extend(item.values())
        elif isinstance(item, list):
            open_values.extend(item)
    return False


def check_schema(document: Document, schema: Any, place: Place) -> None:
    """Refuse what is no JSON Schema.

    Args:
        document: the file that holds it, for errors.
        schema: JSON value.
        place: where it stands in the file.

    Raises:
        DefinitionError: with the place inside the schema.
    """
    if not isinstance(schema, dict):
        raise document.error("a JSON Schema must be a mapping of keys", place)
    try:
        _compile(schema)
    except SchemaRefused as error:
        raise document.error(error.reason, (*place, *error.inner)) from None


class SchemaRefused(DefinitionError):
    """A schema that cannot be used; `inner` is the place inside it."""

    def __init__(self, reason: str, inner: Place = ()) -> None:
        super().__init__(reason, place=place_text(inner) or None)
        self.inner = inner


def _compile(schema: Any) -> jsonschema_rs.Validator:
    try:
        text = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise SchemaRefused(f"not a JSON Schema: {error}"[:MAX_MESSAGE]) from None
    return _compiled(text)


@lru_cache(maxsize=MAX_COMPILED)
def _compiled(text: bytes) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(text),
            offline=True,
            validate_formats=True,
            pattern_options=_PATTERNS,
            mask=_MASK,
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaRefused(_refusal(error), tuple(error.instance_path)) from None
    except (ValueError, TypeError) as error:
        raise SchemaRefused(f"not a JSON Schema: {error}"[:MAX_MESSAGE]) from None


def _refusal(error: jsonschema_rs.ValidationError) -> str:
    message = error.message.replace(_MASK, _shown(error.instance))[:MAX_MESSAGE]
    if error.kind.name == "$ref":
        return f"a $ref must stay inside the document, nothing is fetched: {message}"
    return f"not a JSON Schema: {message}"


def _readable(error: jsonschema_rs.ValidationError, root: str) -> list[tuple[str, str]]:
    """Return paths and messages of one error, a property's own path where it is about one."""
    kind = error.kind
    path = _path(root, error.instance_path)
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [(_path(root, [*error.instance_path, kind.property]), "is required")]
    if isinstance(
        kind,
        jsonschema_rs.ValidationErrorKind.AdditionalProperties
        | jsonschema_rs.ValidationErrorKind.UnevaluatedProperties,
    ):
        return [
            (_path(root, [*error.instance_path, name]), "is not allowed")
            for name in kind.unexpected[:MAX_PLACES]
        ]
    return [(path, error.message.replace(_MASK, _shown(error.instance)))]


def _path(root: str, parts: list[str | int]) -> str:
    return place_text((*((root,) if root else ()), *(_cut(part) for part in parts)))


def _cut(part: str | int) -> str | int:
    return part[:MAX_SHOWN] if isinstance(part, str) else part


def _shown(value: Any) -> str:
    """Return the beginning of a value as JSON; of what may be long only its kind."""
    if isinstance(value, str):
        text = orjson.dumps(value[:MAX_SHOWN]).decode()
        return f"{text}…" if len(value) > MAX_SHOWN else text
    if value is None or isinstance(value, bool | float):
        return orjson.dumps(value).decode()
    if isinstance(value, int):
        return str(value) if -_LARGEST < value < _LARGEST else "the number"
    return "the object" if isinstance(value, dict) else "the list"
