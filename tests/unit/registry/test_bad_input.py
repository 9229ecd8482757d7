"""Whatever a file holds: a definition or a problem with a reason, never a crash or a hang."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, parse_json, parse_place, place_text
from ratchet_core.registry.found import Loaded
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.loader import load_definitions
from ratchet_core.registry.tasker_step import STEP_KEYS
from ratchet_core.registry.tasker_yaml import KEYS
from ratchet_core.registry.yaml_document import locate_json, parse_yaml, plain_value
from tests.unit.registry.conftest import JavaScriptStandIn, Load, NoOperation

LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n"
    for n in range(1, 40)
)


def load_one(name: str, data: bytes) -> Loaded:
    with TemporaryDirectory() as root:
        path = Path(root) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        if name.startswith("t/"):
            (path.parent / "main.js").touch()
        table = HandlerTable([JavaScriptStandIn(), NoOperation()])
        return load_definitions([Path(root)], "test", {}, table)


def parsed(
    parse: Callable[[str, str], Document], text: str
) -> tuple[Document | None, DefinitionError | None]:
    try:
        return parse(text, "f"), None
    except DefinitionError as error:
        return None, error


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"name: " + b"x" * 10_000_000, "larger than 1000000 bytes"),
        (b"[" * 10_000 + b"]" * 10_000, "nested deeper than 64 levels"),
        (b"- " * 10_000 + b"x", "nested deeper than 64 levels"),
        (b"{a: " * 10_000, "nested deeper than 64 levels"),
        (b"name: a\0b", "NUL"),
        (b"name: \xed\xa0\x80", "not UTF-8"),
        (b"\xff\xfen\x00a\x00", "not UTF-8"),
        (LAUGHS.encode(), "aliases counted in full"),
        (b"name: \x07", "not valid YAML"),
        (b"a: 1\n" * 2, "twice"),
        (b"%YAML 9.9\n---\na: 1", "not valid YAML"),
        (b"*absent", "names nothing that ends before it"),
        (b"name: " + b"9" * 100_000, "more than 64 bits"),
        (b"name: 1e99999", "beyond what a number can hold"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_hostile_yaml_is_a_problem_at_once(data: bytes, words: str) -> None:
    started = time.monotonic()

    loaded = load_one("w.yaml", data)

    (problem,) = loaded.problems
    assert words in problem.reason
    assert len(problem.message) < 1_000
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'"' + b"x" * 10_000_000 + b'"', "larger than 1000000 bytes"),
        (b"[" * 10_000 + b"]" * 10_000, "not valid JSON"),
        (b"[" * 500 + b"]" * 500, "nested deeper than 64 levels"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": Infinity}', "not valid JSON"),
        (b'{"name": "a\0"}', "NUL"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b"", "not valid JSON"),
        (b'{"version": ' + b"9" * 400_000 + b"}", ""),
    ],
    ids=lambda value: repr(value[:20]),
)
@pytest.mark.parametrize("name", ["t/metadata.json", "t/input.schema.json"])
def test_hostile_json_is_a_problem_at_once(name: str, data: bytes, words: str) -> None:
    started = time.monotonic()

    loaded = load_one(name, data)

    assert loaded.problems or b"9999" in data
    assert all(words in problem.reason for problem in loaded.problems)
    assert time.monotonic() - started < 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from([*KEYS, *STEP_KEYS]), inner, max_size=5
        )
    ),
    max_leaves=15,
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("a") | JSON, "handler_class": st.just("noop") | JSON},
        optional={key: JSON for key in STEP_KEYS if key not in {"name", "handler_class"}},
    ),
    max_size=3,
)
FLOWS = st.fixed_dictionaries(
    {"name": st.just("w") | JSON, "step_templates": STEPS | JSON},
    optional={key: JSON for key in KEYS if key not in {"name", "step_templates"}},
)


@given(flow=FLOWS)
@settings(max_examples=100, deadline=None)
def test_any_shape_of_a_workflow_is_a_definition_or_a_problem(flow: dict[str, Any]) -> None:
    text = yaml.safe_dump(flow, allow_unicode=False)

    loaded = load_one("w.yaml", text.encode())

    assert bool(loaded.definitions) != bool(loaded.problems)
    assert all(problem.reason for problem in loaded.problems)


@given(metadata=JSON)
@settings(max_examples=75, deadline=None)
def test_any_shape_of_metadata_is_a_definition_or_a_problem(metadata: Any) -> None:
    loaded = load_one("t/metadata.json", json.dumps(metadata).encode())

    assert bool(loaded.definitions) != bool(loaded.problems)


@given(case=JSON)
@settings(max_examples=75, deadline=None)
def test_any_shape_of_a_test_case_is_read_or_refused(case: Any) -> None:
    with TemporaryDirectory() as root:
        folder = Path(root) / "t"
        (folder / "tests").mkdir(parents=True)
        (folder / "main.js").touch()
        (folder / "tests" / "1.json").write_text(json.dumps(case))

        loaded = load_definitions([Path(root)], "t", {}, HandlerTable([JavaScriptStandIn()]))

    assert len(loaded.definitions) == 1
    assert len(loaded.definitions[0].test_cases) + len(loaded.problems) == 1


@given(data=st.binary(max_size=200))
@settings(deadline=None)
@pytest.mark.parametrize("name", ["w.yaml", "namespace.yaml", "t/metadata.json", "a.zip", "a.js"])
def test_any_bytes_end_in_an_answer(name: str, data: bytes) -> None:
    loaded = load_one(name, data)

    assert len(loaded.definitions) + len(loaded.problems) + len(loaded.namespaces) >= 1


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
@example(text="'${A'")
@example(text="? a\n: b")
@example(text="&a *a")
def test_any_text_is_yaml_or_refused_with_a_reason(text: str) -> None:
    document, error = parsed(parse_yaml, text)

    if document is not None:
        orjson.dumps(document.value)
    else:
        assert error is not None
        assert error.file == "f"
        assert error.reason


@given(text=st.text(alphabet="0123456789.eE+-xo_inaftrue~", max_size=12))
def test_any_plain_scalar_is_a_json_value_or_refused(text: str) -> None:
    try:
        value = plain_value(text)
    except ValueError:
        return

    assert value is None or isinstance(value, str | int | float | bool)
    orjson.dumps(value)


@given(value=JSON)
def test_json_that_is_accepted_is_what_json_says(value: Any) -> None:
    text = json.dumps(value)
    document, error = parsed(parse_json, text)

    if document is not None:
        assert document.value == orjson.loads(text)
    else:
        assert error is not None
        assert "NUL" in error.reason or "not valid JSON" in error.reason


def test_every_line_of_a_json_file_is_known() -> None:
    document = parse_json('{\n "a": [\n  1,\n  {"b":\n   2}\n ]\n}', "f.json", locate_json)

    lines = [document.lines().at(p) for p in (("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("z",))]

    assert lines == [2, 3, 4, 4, None]


@given(
    place=st.lists(
        st.integers(min_value=0) | st.text(alphabet="abc_-", min_size=1), max_size=6
    ).map(tuple)
)
def test_a_place_survives_being_written(place: tuple[str | int, ...]) -> None:
    assert parse_place(place_text(place)) == place


def test_ten_thousand_steps_are_refused_not_loaded_forever(load: Load) -> None:
    steps = "".join(f"- {{name: s{n}, handler_class: noop}}\n" for n in range(10_001))

    (problem,) = load({"w.yaml": "name: w\nstep_templates:\n" + steps}).problems

    assert "10001 steps are more than 10000" in problem.reason
