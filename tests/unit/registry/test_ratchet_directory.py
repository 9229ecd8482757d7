"""Task directories, single scripts and collections."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.registry.found import Loaded
from ratchet_core.registry.ratchet_directory import leading_comment
from tests.unit.registry.conftest import Load

SCRIPT = "(function(input) { return input; })"


def only(loaded: Loaded) -> WorkflowDefinition:
    assert [problem.message for problem in loaded.problems] == []
    (found,) = loaded.definitions
    return found.definition


def meta(**keys: object) -> bytes:
    return orjson.dumps(keys)


def test_a_task_directory_becomes_a_workflow_of_one_script_step(load: Load) -> None:
    files: dict[str, str | bytes] = {
        "sum/metadata.json": meta(
            uuid="2B2F5D0E-5C5B-4B61-8E8A-3F1B7C7E1D10",
            name="addition",
            version="1.2.0",
            label="Addition",
            description="Adds",
            tags=["math"],
            author="Ann",
            timeout=2.5,
            memory_limit="64MB",
            retry_limit=2,
            backoff={"base_s": 0.5},
            queue="fast",
            priority=3,
        ),
        "sum/main.js": SCRIPT,
        "sum/lib/help.js": "const help = 1;",
        "sum/lib/notes.txt": "no script",
        "sum/input.schema.json": '{"type": "object"}',
        "sum/output.schema.json": '{"type": "number"}',
    }

    definition = only(load(files))

    (step,) = definition.steps
    assert definition.full_name == "default.addition@1.2.0"
    assert definition.uuid == "2b2f5d0e-5c5b-4b61-8e8a-3f1b7c7e1d10"
    assert definition.files == {"main.js": SCRIPT, "lib/help.js": "const help = 1;"}
    assert (definition.input_schema, definition.output_schema) == (
        {"type": "object"},
        {"type": "number"},
    )
    assert definition.attributes == {"label": "Addition", "tags": ["math"], "author": "Ann"}
    assert (definition.queue, definition.priority) == ("fast", 3)
    assert (step.name, step.handler, step.timeout_s) == ("addition", "javascript", 2.5)
    assert step.config == {"script": "main.js", "memory_limit_mb": 64}
    assert (step.retry_limit, step.backoff) == (2, Backoff(base_s=0.5))


def test_metadata_may_be_missing(load: Load) -> None:
    definition = only(load({"echo/main.js": SCRIPT}))

    assert definition.full_name == "default.echo@1.0.0"
    assert definition.attributes == {"label": "echo", "tags": []}


def test_a_single_script_is_named_by_its_file_and_described_by_its_comment(load: Load) -> None:
    definition = only(load({"hello.js": "// hello.js\n// Says hello.\n\n(x => x)"}))

    assert definition.full_name == "default.hello@1.0.0"
    assert definition.description == "Says hello."
    assert definition.steps[0].config == {"script": "hello.js"}
    assert list(definition.files) == ["hello.js"]


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("(x => x)", ""),
        ("/* One. */ (x => x)", "One."),
        ("/**\n * One.\n * Two.\n */\nx", "One. Two."),
        ("// One.\n  // Two.\nx // Three.", "One. Two."),
        ("'use strict'; // One.", ""),
        ("/* never closed", ""),
        ("// a.js", ""),
    ],
)
def test_the_first_comment_counts_only_at_the_top(text: str, comment: str) -> None:
    assert leading_comment(text, "a.js") == comment


def test_collections_are_looked_through_recursively_in_order(load: Load) -> None:
    files = {
        "b/two/main.js": SCRIPT,
        "b/one/main.js": SCRIPT,
        "a/deep/er/three/main.js": SCRIPT,
        "a/deep/four.js": SCRIPT,
    }

    loaded = load(files)

    names = [found.definition.name for found in loaded.definitions]
    assert names == ["four", "three", "one", "two"]


@pytest.mark.parametrize(
    "path",
    [
        "node_modules/x/main.js",
        ".git/x.js",
        ".hidden/main.js",
        "__pycache__/x.js",
        "a.js.swp",
        "b.yaml.tmp",
        ".venv/lib/x.js",
        "lib/prelude.js",
        "ratchet.yaml",
        "notes.md",
        ".DS_Store",
    ],
)
def test_what_is_no_definition_is_passed_over(load: Load, path: str) -> None:
    loaded = load({path: "nonsense ["})

    assert (loaded.definitions, loaded.problems) == ((), ())


def test_inside_a_task_directory_nothing_else_is_a_definition(load: Load) -> None:
    files = {"t/main.js": SCRIPT, "t/other.js": SCRIPT, "t/fixtures/main.js": SCRIPT}

    assert only(load(files)).name == "t"


@pytest.mark.parametrize(
    ("metadata", "line", "place", "words"),
    [
        ("{", 1, None, "not valid JSON"),
        ('{\n"version": 2}', 2, "version", "quote it"),
        ('{\n"version": "2"}', 2, "version", "semantic version"),
        ('{"name": "a b"}', 1, "name", "not a valid name"),
        ('{"name": 5}', 1, "name", "expected a text, found the number 5"),
        ('{\n\n"uuid": "x"}', 3, "uuid", "no UUID"),
        ('{"timeout": -1}', 1, "timeout", "no timeout"),
        ('{"timeout": "soon"}', 1, "timeout", "no duration"),
        ('{"memory_limit": "lots"}', 1, "memory_limit", "no amount of memory"),
        ('{"memory_limit": 134217728}', 1, "memory_limit", "megabytes"),
        ('{"tags": [1]}', 1, "tags[0]", "expected a text"),
        ('{"name": "a", "name": "b"}', None, None, "twice"),
        ("[]", None, None, "expected a mapping"),
        ('{"description": "a\\u0000b"}', 1, "description", "NUL"),
        ('{"description": "\\ud800"}', 1, None, "not valid JSON"),
        ('{"priority": NaN}', 1, None, "not valid JSON"),
        ('{"priority": 1e999}', 1, None, "not valid JSON"),
    ],
)
def test_bad_metadata_is_named_with_its_line(
    load: Load, metadata: str, line: int | None, place: str | None, words: str
) -> None:
    loaded = load({"t/main.js": SCRIPT, "t/metadata.json": metadata})

    (problem,) = loaded.problems
    assert problem.file.endswith("t/metadata.json")
    assert words in problem.reason
    assert (problem.line, problem.place) == (line, place)


@pytest.mark.parametrize(
    ("written", "seconds"), [(30, 30), ("30s", 30), ("5m", 300), ("500ms", 0.5), ("1h", 3600)]
)
def test_a_timeout_is_seconds_or_a_text_with_a_unit(
    load: Load, written: object, seconds: float
) -> None:
    definition = only(load({"t/main.js": SCRIPT, "t/metadata.json": meta(timeout=written)}))

    assert definition.steps[0].timeout_s == seconds


@pytest.mark.parametrize(("written", "mb"), [(64, 64), ("64MB", 64), ("1 GiB", 1024), ("8m", 8)])
def test_a_memory_limit_is_megabytes_or_a_text_with_a_unit(
    load: Load, written: object, mb: int
) -> None:
    definition = only(load({"t/main.js": SCRIPT, "t/metadata.json": meta(memory_limit=written)}))

    assert definition.steps[0].config["memory_limit_mb"] == mb


def test_a_key_that_looks_misspelt_is_kept_and_noted(load: Load) -> None:
    loaded = load({"t/main.js": SCRIPT, "t/metadata.json": '{"versoin": "1.0.0", "zzz": 1}'})

    assert only(loaded).attributes["zzz"] == 1
    (note,) = loaded.notes
    assert "did you mean 'version'?" in note.reason


def test_a_directory_with_metadata_but_no_script_is_a_problem(load: Load) -> None:
    (problem,) = load({"t/metadata.json": "{}"}).problems

    assert problem.file.endswith("t/main.js")
    assert problem.reason == "main.js is missing"


def test_a_broken_schema_is_named_with_place_and_line(load: Load) -> None:
    schema = '{\n "type": "object",\n "properties": {"a": {\n  "type": "strin"}}}'

    (problem,) = load({"t/main.js": SCRIPT, "t/input.schema.json": schema}).problems

    assert problem.file.endswith("input.schema.json")
    assert (problem.line, problem.place) == (4, "properties.a.type")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b", b"x" * 1_000_001])
def test_a_script_that_is_no_text_is_refused(load: Load, data: bytes) -> None:
    loaded = load({"t/main.js": data, "good.js": SCRIPT})

    assert [found.definition.name for found in loaded.definitions] == ["good"]
    assert loaded.problems[0].file.endswith("t/main.js")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem(load: Load, tmp_path: Path) -> None:
    load({"closed.js": SCRIPT})
    (tmp_path / "closed.js").chmod(0)

    (problem,) = load({}).problems

    assert "cannot be read" in problem.reason


def test_directories_that_link_to_themselves_end(load: Load, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)

    assert only(load({"a/main.js": SCRIPT})).name == "a"


def test_a_dangling_link_is_passed_over(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gone.js").symlink_to(tmp_path / "nowhere.js")

    assert load({}).problems == ()
