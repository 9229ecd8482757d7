"""Loading as a whole: order, duplicates, namespaces, isolation."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import orjson
import pytest

from ratchet_core.domain.workflow import WorkflowDefinition, from_document, single_step
from ratchet_core.registry.found import OfferedDefinition, content_hash
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.loader import load_definitions
from tests.unit.registry.conftest import Load, NoOperation


def flow(name: str, version: str = "1.0.0", more: str = "") -> str:
    return (
        dedent(
            f"""\
        name: {name}
        version: "{version}"
        step_templates:
          - name: only
            handler_class: noop
        """
        )
        + more
    )


def test_versions_live_side_by_side(load: Load) -> None:
    loaded = load({"a.yaml": flow("w", "1.9.0"), "b.yaml": flow("w", "1.10.0")})

    assert [found.definition.version for found in loaded.definitions] == ["1.9.0", "1.10.0"]


def test_the_first_of_two_files_of_one_version_wins_and_both_are_named(load: Load) -> None:
    loaded = load({"a.yaml": flow("w"), "b/w.yaml": flow("w", more="description: second\n")})

    (found,) = loaded.definitions
    (problem,) = loaded.problems
    assert found.file.endswith("a.yaml")
    assert problem.file.endswith("b/w.yaml")
    assert "default.w@1.0.0 is defined in" in problem.reason
    assert found.file in problem.reason


def test_one_uuid_belongs_to_one_workflow(load: Load) -> None:
    uuid = "uuid: 2b2f5d0e-5c5b-4b61-8e8a-3f1b7c7e1d10\n"
    files = {
        "a.yaml": flow("w", "1.0.0", uuid),
        "b.yaml": flow("w", "2.0.0", uuid),
        "c.yaml": flow("other", "1.0.0", uuid),
    }

    loaded = load(files)

    assert [found.definition.version for found in loaded.definitions] == ["1.0.0", "2.0.0"]
    (problem,) = loaded.problems
    assert problem.file.endswith("c.yaml")
    assert "a.yaml" in problem.reason


def test_namespaces_get_their_descriptions(load: Load) -> None:
    loaded = load({"p/namespace.yaml": "name: payments\ndescription: Money\n"})

    assert loaded.namespaces == {"payments": "Money"}
    assert loaded.problems == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("description: x\n", "'name' is missing"),
        ("name: a\ndescripton: x\n", "did you mean 'description'?"),
        ("[]", "expected a mapping"),
    ],
)
def test_a_broken_namespace_file_is_a_problem(load: Load, text: str, words: str) -> None:
    loaded = load({"namespace.yaml": text, "w.yaml": flow("w")})

    assert words in loaded.problems[0].reason
    assert len(loaded.definitions) == 1


def test_two_descriptions_of_one_namespace_are_a_problem(load: Load) -> None:
    files = {
        "a/namespace.yaml": "name: p\ndescription: one\n",
        "b/namespace.yaml": "name: p\ndescription: two\n",
    }

    loaded = load(files)

    assert loaded.namespaces == {"p": "one"}
    assert [problem.place for problem in loaded.problems] == ["name"]


def test_every_broken_file_is_one_problem_and_the_rest_loads(load: Load) -> None:
    files: dict[str, str | bytes] = {
        "a.yaml": "name: [",
        "b.zip": b"nonsense",
        "c/metadata.json": "{",
        "c/main.js": "x",
        "d.js": b"\xff",
        "e_steps.py": "1/0",
        "good.yaml": flow("good"),
        "fine.js": "(x => x)",
    }

    loaded = load(files)

    assert [found.definition.name for found in loaded.definitions] == ["fine", "good"]
    assert sorted(Path(problem.file).name for problem in loaded.problems) == [
        "a.yaml",
        "b.zip",
        "d.js",
        "e_steps.py",
        "metadata.json",
    ]


def test_missing_paths_are_problems(tmp_path: Path) -> None:
    paths = [tmp_path / "absent", tmp_path / "also.yaml"]

    loaded = load_definitions(paths, "test", {}, HandlerTable())

    assert [problem.file for problem in loaded.problems] == [str(path) for path in paths]
    assert all("no such file" in problem.reason for problem in loaded.problems)


def test_a_path_may_be_one_file(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(flow("w"))
    (tmp_path / "x.txt").write_text("x")

    loaded = load_definitions(
        [tmp_path / "w.yaml", tmp_path / "x.txt"], "test", {}, HandlerTable([NoOperation()])
    )

    assert [found.definition.name for found in loaded.definitions] == ["w"]
    assert "not a definition" in loaded.problems[0].reason


def test_a_directory_named_twice_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "w.yaml").write_text(flow("w"))

    loaded = load_definitions(
        [tmp_path, tmp_path / "in", tmp_path], "test", {}, HandlerTable([NoOperation()])
    )

    assert len(loaded.definitions) == 1
    assert loaded.problems == ()


def test_earlier_paths_win(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "w.yaml").write_text(flow("w"))

    loaded = load_definitions(
        [tmp_path / "two", tmp_path / "one"], "test", {}, HandlerTable([NoOperation()])
    )

    assert loaded.definitions[0].file == str(tmp_path / "two" / "w.yaml")


def test_the_content_hash_is_that_of_the_canonical_document(load: Load) -> None:
    first = load({"w.yaml": flow("w")}).definitions[0]
    again = load({"w.yaml": "# a comment\n" + flow("w")}).definitions[0]
    changed = load({"w.yaml": flow("w", more="priority: 1\n")}).definitions[0]

    assert first.content_hash == again.content_hash != changed.content_hash
    assert len(first.content_hash) == 64


def test_what_is_loaded_survives_the_way_through_its_document(load: Load) -> None:
    definition = load({"w.yaml": flow("w"), "s.js": "x"}).definitions[0].definition

    assert from_document(definition.to_document()) == definition
    assert content_hash(from_document(definition.to_document())) == content_hash(definition)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "one"}, "semantic version"),
        ({"input_schema": {"type": "strin"}}, "not a JSON Schema"),
        ({"name": "a b"}, "not a valid name"),
        ({"output_step": "absent"}, "there is no step"),
    ],
)
def test_definitions_of_plugins_are_checked_like_files(
    changes: dict[str, object], words: str
) -> None:
    sound = single_step("w", "noop")
    broken = replace(sound, **changes)  # type: ignore[arg-type]
    offered = [OfferedDefinition(definition=d, origin="my-plugin") for d in (broken, sound)]

    loaded = load_definitions([], "test", {}, HandlerTable([NoOperation()]), offered)

    assert [found.file for found in loaded.definitions] == ["my-plugin"]
    (problem,) = loaded.problems
    assert problem.file == "my-plugin"
    assert words in problem.reason


PYTHON_FLOW = """\
from ratchet_core.sdk.workflow import workflow

report = workflow("report", namespace="reports", version="1.2.0")

@report.step()
def collect(context):
    \"\"\"Bring the rows together.\"\"\"
    return 2

@report.step("sum", depends_on="collect", retry_limit=5)
def summarise(context):
    return context * 2
"""


def test_a_workflow_may_be_written_in_python(load: Load) -> None:
    loaded = load({"report_steps.py": PYTHON_FLOW})

    (found,) = loaded.definitions
    collect, total = found.definition.steps
    assert loaded.problems == ()
    assert found.definition.full_name == "reports.report@1.2.0"
    assert found.file.endswith("report_steps.py")
    assert (collect.name, collect.description) == ("collect", "Bring the rows together.")
    assert (total.name, total.depends_on, total.retry_limit) == ("sum", ("collect",), 5)
    assert total.handler == "report_steps.summarise"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('depends_on="collect"', 'depends_on="absent"', "which does not exist"),
        ('"1.2.0"', '"1.2.0", colour="red"', "colour"),
        ('"1.2.0"', '"1"', "semantic version"),
    ],
)
def test_a_broken_workflow_in_python_is_a_problem(
    load: Load, old: str, new: str, words: str
) -> None:
    loaded = load({"report_steps.py": PYTHON_FLOW.replace(old, new), "good.js": "x"})

    (problem,) = loaded.problems
    assert problem.file.endswith("report_steps.py")
    assert words in problem.reason
    assert [found.definition.name for found in loaded.definitions] == ["good"]


def test_a_cycle_is_named_step_by_step(load: Load) -> None:
    text = dedent(
        """\
        name: w
        step_templates:
          - {name: a, handler_class: noop, depends_on_step: c}
          - {name: b, handler_class: noop, depends_on_step: a}
          - {name: c, handler_class: noop, depends_on_step: b}
        """
    )

    (problem,) = load({"w.yaml": text}).problems

    assert "a -> b -> c -> a" in problem.reason or "cycle" in problem.reason
    assert (problem.line, problem.place) == (2, "step_templates")


def test_a_step_name_that_is_there_twice_is_named(load: Load) -> None:
    text = flow("w", more="") + "  - {name: only, handler_class: noop}\n"

    (problem,) = load({"w.yaml": text}).problems

    assert (problem.line, problem.place) == (6, "step_templates[1].name")


def test_a_large_workflow_loads_in_reasonable_time(load: Load) -> None:
    steps = "".join(
        f"  - {{name: s{n}, handler_class: noop, depends_on_steps: [s{max(n - 1, 0)}]}}\n"
        for n in range(1, 2_000)
    )
    text = "name: w\nstep_templates:\n  - {name: s0, handler_class: noop}\n" + steps

    loaded = load({"w.yaml": text})

    assert len(loaded.definitions[0].definition.steps) == 2_000


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
@pytest.mark.parametrize(
    "name", [b"a\xff.js", b"t/lib/a\xff.js", b"\xff/w.yaml", b"t/tests/\xff.json"]
)
def test_a_file_name_that_is_not_unicode_is_a_problem_that_can_be_shown(
    load: Load, tmp_path: Path, name: bytes
) -> None:
    load({"t/main.js": "x"})
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118  # bytes, not a Path
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"{}")

    loaded = load({})

    (problem,) = loaded.problems
    assert "not UTF-8" in problem.reason
    assert orjson.dumps(problem.message)


def test_definitions_are_values_of_the_domain(load: Load) -> None:
    found = load({"s.js": "x"}).definitions[0]

    assert isinstance(found.definition, WorkflowDefinition)
