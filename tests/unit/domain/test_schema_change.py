"""Schemas compared: every refusal is found, each with its place."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.schema_change import refusals, without_annotations

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (None, False, "input", "nothing is accepted any more"),
        ({}, TEXT, "input", "array or boolean or integer or null"),
        ({"type": ["string", "null"]}, TEXT, "input", "null is no longer accepted, only string"),
        ({"type": "number"}, {"type": "integer"}, "input", "number is no longer accepted"),
        ({"enum": ["a", "b"]}, {"enum": ["b"]}, "input", "'a' is no longer accepted"),
        (TEXT, {"const": "a"}, "input", "only 'a' is accepted now"),
        ({"minimum": 1}, {"minimum": 2}, "input", "minimum is 2 now, was 1"),
        ({"maxLength": 9}, {"maxLength": 8}, "input", "maxLength is 8 now, was 9"),
        ({}, {"maxItems": 8}, "input", "maxItems 8 is new"),
        ({}, {"required": ["city"]}, "input.city", "is required now"),
        (closed(city=TEXT), closed(), "input.city", "is no longer accepted"),
        (
            {"type": "object"},
            closed(),
            "input",
            "properties that are not declared are no longer accepted",
        ),
        (closed(a={}), closed(a=TEXT), "input.a", "is no longer accepted, only string"),
        ({"items": {}}, {"items": TEXT}, "input[]", "is no longer accepted, only string"),
        ({"pattern": "a"}, {"pattern": "b"}, "input", "cannot be told"),
        ({}, {"anyOf": [TEXT]}, "input", "`anyOf` is new"),
    ],
)
def test_what_refuses_more_is_told_with_its_place(
    old: Any, new: Any, place: str, message: str
) -> None:
    found = list(refusals(old, new, "input", undeclared=False))

    assert [where for where, _ in found] == [place]
    assert message in found[0][1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TEXT, None),
        (False, TEXT),
        (TEXT, {"type": "string", "title": "T", "description": "d", "examples": ["x"]}),
        ({"type": "integer"}, {"type": "number"}),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}),
        ({"minimum": 2, "maxLength": 3}, {"minimum": 1, "maxLength": 4}),
        ({"required": ["a"]}, {}),
        (closed(a=TEXT), closed(a=TEXT, b=TEXT)),
        ({"properties": {}}, {"properties": {"b": TEXT}}),
        ({"anyOf": [TEXT]}, {}),
        (closed(title=TEXT), closed(title={})),
    ],
)
def test_what_accepts_as_much_is_no_refusal(old: Any, new: Any) -> None:
    assert list(refusals(old, new, "input", undeclared=False)) == []


def test_a_property_named_like_an_annotation_is_none() -> None:
    assert without_annotations({"title": "x", "properties": {"title": {"title": "y"}}}) == {
        "properties": {"title": {}}
    }


_NUMBERS = st.integers(0, 3)
_LEAVES = st.one_of(
    st.booleans(),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "null", ["string", "integer"]]),
            "enum": st.lists(st.one_of(_NUMBERS, st.sampled_from("ab")), min_size=1, max_size=3),
            "minimum": _NUMBERS,
            "maximum": _NUMBERS,
            "minLength": _NUMBERS,
            "pattern": st.sampled_from(["a", "b"]),
        },
    ),
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array"]),
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "required": st.lists(st.sampled_from("ab"), unique=True),
            "additionalProperties": inner,
            "items": inner,
            "maxItems": _NUMBERS,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=4,
)
_VALUES = st.recursive(
    st.one_of(st.none(), _NUMBERS, st.sampled_from(["", "a", "ab", "bbbb"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(old=_SCHEMAS, new=_SCHEMAS, value=_VALUES)
def test_no_value_that_is_refused_only_now_goes_unnoticed(old: Any, new: Any, value: Any) -> None:
    was_accepted = jsonschema_rs.validator_for(old).is_valid(value)
    is_accepted = jsonschema_rs.validator_for(new).is_valid(value)

    if was_accepted and not is_accepted:
        assert list(refusals(old, new, "input", undeclared=True))
