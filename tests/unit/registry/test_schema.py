"""JSON Schemas: compiled once, messages by path, nothing fetched, nothing hangs."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.schema import MAX_PLACES, InputValidator

ORDER = {
    "type": "object",
    "required": ["id", "items"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": ["integer", "string"]},
        "items": {
            "type": "array",
            "items": {"type": "object", "required": ["sku"], "properties": {"n": {"minimum": 1}}},
        },
        "mail": {"format": "email"},
    },
}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_that_fits_has_nothing_wrong() -> None:
    validator = InputValidator(ORDER)

    assert validator.is_valid({"id": 1, "items": [{"sku": "a"}]})
    assert validator.check({"id": 1, "items": [{"sku": "a"}]}) == {}


def test_messages_are_grouped_by_path() -> None:
    value = {"id": None, "items": [{"sku": 1}, {"n": 0}], "extra": 1, "mail": "x"}

    details = InputValidator(ORDER).check(value, "input")

    assert details == {
        "input.id": ['null is not of types "integer", "string"'],
        "input.items[1].sku": ["is required"],
        "input.items[1].n": ["0 is less than the minimum of 1"],
        "input.extra": ["is not allowed"],
        "input.mail": ['"x" is not a "email"'],
    }


def test_paths_have_no_prefix_without_a_root() -> None:
    assert InputValidator(ORDER).check({"id": 1}) == {"items": ["is required"]}
    assert InputValidator(ORDER).check(5) == {"": ['5 is not of type "object"']}


def test_a_long_value_is_not_repeated() -> None:
    for value in ("x" * 100_000, {"k" * 10_000: 1}, ["x" * 100_000], 10**300, 10**5000, 1e308):
        details = InputValidator({"enum": [1]}).check(value)
        assert all(len(text) < 200 for texts in details.values() for text in texts)


def test_names_of_the_caller_are_cut() -> None:
    details = InputValidator({"additionalProperties": False}).check({"k" * 10_000: 1})

    assert all(len(path) <= 120 for path in details)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json"},
        {"$id": "http://example.com/a", "$ref": "b.json"},
        {"$schema": "http://example.com/own-dialect"},
        {"$ref": "#/$defs/absent"},
        {"type": "strin"},
        {"pattern": "(a"},
        {"properties": []},
        {"required": "name"},
    ],
)
def test_what_is_no_schema_or_leads_elsewhere_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        InputValidator(schema)


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(10_000):
        schema = {"items": schema}

    with pytest.raises(DefinitionError, match="not a JSON Schema"):
        InputValidator(schema)


@pytest.mark.parametrize(
    "value", ["\ud800", {"\udfff": 1}, nested(10_000), object(), {1: 2}, {"a": {1, 2}}]
)
def test_what_is_no_json_value_is_reported_and_never_raised(value: Any) -> None:
    details = InputValidator({"type": "string"}).check(value, "input")

    assert list(details) == ["input"]


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"^(a+)+$", "a" * 5_000 + "!"),
        (r"^(a|a)*$", "a" * 5_000 + "!"),
        (r"^(a|b|ab)*(?=c)\1$", "ab" * 2_000 + "d"),
        (r"^(?:(x+)+)\1y$", "x" * 3_000),
    ],
)
def test_a_catastrophic_pattern_ends_soon(pattern: str, value: str) -> None:
    started = time.monotonic()

    details = InputValidator({"pattern": pattern}).check(value)

    assert details
    assert time.monotonic() - started < 2


def test_a_pattern_that_would_need_gigabytes_is_refused() -> None:
    with pytest.raises(DefinitionError):
        InputValidator({"pattern": "((a{1000}){1000}){1000}"})


def test_a_large_value_with_many_errors_is_answered_soon() -> None:
    started = time.monotonic()

    details = InputValidator({"items": {"type": "string"}}).check(list(range(300_000)))

    assert details == {"[0]": ['0 is not of type "string"']}
    assert time.monotonic() - started < 1


def test_no_more_places_than_a_reader_wants() -> None:
    details = InputValidator({"items": {"type": "string"}}).check(list(range(5_000)))

    assert len(details) == MAX_PLACES


def test_a_schema_is_compiled_once() -> None:
    first = InputValidator({"type": "string", "title": "compiled once"})
    second = InputValidator({"title": "compiled once", "type": "string"})

    assert first._validator is second._validator


def test_true_and_false_are_schemas() -> None:
    assert InputValidator(True).check(1) == {}
    assert InputValidator(False).check(1) == {"": ["False schema does not allow 1"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(schema=JSON, value=JSON)
def test_any_schema_and_any_value_end_in_an_answer(schema: Any, value: Any) -> None:
    with contextlib.suppress(DefinitionError):
        validator = InputValidator(schema)

        details = validator.check(value)

        assert (details == {}) == validator.is_valid(value)
