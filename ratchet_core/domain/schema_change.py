"""What a change of a JSON Schema refuses: a comparison of two schemas, place by place.

It errs to the safe side. A keyword that it cannot compare (`anyOf`, `$ref`, patterns) and that has
changed counts as a refusal that cannot be ruled out. It looks at schemas only, never at values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Keywords that refuse nothing.
_ANNOTATIONS: Final = frozenset(
    {
        "$anchor",
        "$comment",
        "$id",
        "$schema",
        "contentEncoding",
        "contentMediaType",
        "default",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
_ALL_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
#: Keywords that a larger number makes stricter, and those that a smaller one does.
_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED: Final = frozenset(
    {
        "additionalProperties",
        "const",
        "enum",
        "items",
        "properties",
        "required",
        "type",
        *_LEAST,
        *_MOST,
    }
)


def without_annotations(schema: Any) -> Any:
    """Return the schema without what refuses nothing, such as titles and descriptions."""
    if isinstance(schema, Mapping):
        return {
            key: _named(value)
            if key in {"properties", "$defs", "definitions"}
            else value
            if key in {"enum", "const"}
            else without_annotations(value)
            for key, value in schema.items()
            if key not in _ANNOTATIONS
        }
    if isinstance(schema, list | tuple):
        return [without_annotations(item) for item in schema]
    return schema


def refusals(old: Any, new: Any, place: str, *, undeclared: bool) -> Iterator[tuple[str, str]]:
    """Yield why a value that `old` accepts may be refused by `new`, each with its place.

    Args:
        old: a JSON Schema: an object, a boolean, or None for none at all.
        new: another.
        place: where they stand, such as `input`.
        undeclared: whether a property that only `new` declares counts as sent before, with any
            value. A caller of an open object hardly did so; a reader may rely on each.
    """
    before, after = _object(old), _object(new)
    if after is None:
        if before is not None:
            yield place, "nothing is accepted any more"
        return
    if before is None or before == after:
        return
    yield from _types(before, after, place)
    yield from _choices(before, after, place)
    yield from _bounds(before, after, place)
    yield from _members(before, after, place, undeclared=undeclared)
    yield from refusals(
        before.get("items"), after.get("items"), f"{place}[]", undeclared=undeclared
    )
    for keyword in sorted(after.keys() - _COMPARED):
        if after[keyword] != before.get(keyword):
            what = f"`{keyword}` has changed; whether it refuses more cannot be told"
            yield place, what if keyword in before else f"`{keyword}` is new and may refuse values"


def _named(schemas: Any) -> Any:
    """Properties are named freely: one called `title` is no annotation."""
    if not isinstance(schemas, Mapping):
        return schemas
    return {name: without_annotations(schema) for name, schema in schemas.items()}


def _object(schema: Any) -> Mapping[str, Any] | None:
    """Return a schema as an object without annotations; None for the one that accepts nothing."""
    if schema is False:
        return None
    if not isinstance(schema, Mapping):
        return {}
    plain: Mapping[str, Any] = without_annotations(schema)
    return plain


def _types(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    before, after = _types_of(old), _types_of(new)
    if "number" in after:
        after = after | {"integer"}
    lost = before - after
    if lost:
        yield place, f"{_words(lost)} is no longer accepted, only {_words(after)}"


def _types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    named = schema.get("type", _ALL_TYPES)
    return frozenset([named] if isinstance(named, str) else named)


def _choices(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    before, after = _values_of(old), _values_of(new)
    if after is None:
        return
    if before is None:
        yield place, f"only {_words(map(repr, after))} is accepted now"
        return
    lost = [value for value in before if value not in after]
    if lost:
        yield place, f"{_words(map(repr, lost))} is no longer accepted"


def _values_of(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _bounds(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    for keyword in (*_LEAST, *_MOST):
        before, after = old.get(keyword), new.get(keyword)
        if after is None or after == before:
            continue
        if before is None:
            yield place, f"{keyword} {after} is new"
        elif (after > before) == (keyword in _LEAST):
            yield place, f"{keyword} is {after} now, was {before}"


def _members(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str, *, undeclared: bool
) -> Iterator[tuple[str, str]]:
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{place}.{name}", "is required now"
    others_before = old.get("additionalProperties", True)
    others_after = new.get("additionalProperties", True)
    declared_before, declared_after = old.get("properties", {}), new.get("properties", {})
    for name in sorted({*declared_before, *declared_after}):
        where = f"{place}.{name}"
        before = declared_before.get(name, others_before)
        after = declared_after.get(name, others_after)
        if name not in declared_before and others_before is True:
            if undeclared:
                yield where, "is no longer declared"
        elif after is False and before is not False:
            yield where, "is no longer accepted"
        else:
            yield from refusals(before, after, where, undeclared=undeclared)
    if others_after is False and others_before is not False:
        yield place, "properties that are not declared are no longer accepted"
    else:
        yield from refusals(others_before, others_after, f"{place}.*", undeclared=undeclared)


def _words(words: Any) -> str:
    return " or ".join(sorted(words))
