"""Script steps of YAML workflows."""

from __future__ import annotations

import pytest

from tests.unit.registry.conftest import Load, only, problem_of

SCRIPTED = """\
name: scored
step_templates:
  - name: score
    handler_class: javascript
    handler_config: {script: scripts/score.js}
"""


def test_a_script_step_brings_its_script_and_its_library(load: Load) -> None:
    loaded = load(
        {
            "scored.yaml": SCRIPTED,
            "scripts/score.js": "(x => x)",
            "scripts/lib/help.js": "const help = 1;",
            "lib/other.js": "const other = 1;",
        }
    )

    assert only(loaded).files == {
        "scripts/score.js": "(x => x)",
        "scripts/lib/help.js": "const help = 1;",
    }


def test_a_script_that_a_workflow_names_is_no_task_of_its_own(load: Load) -> None:
    files = {"scored.yaml": SCRIPTED, "scripts/score.js": "(x => x)", "free.js": "(x => x)"}

    loaded = load(files)

    assert [found.definition.name for found in loaded.definitions] == ["free", "scored"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("missing.js", "there is no file 'missing.js'"),
        ("../outside.js", "plain relative path"),
        ("/etc/passwd", "plain relative path"),
        ("a//b.js", "plain relative path"),
        ("''", "must not be empty"),
        ("5", "expected a text"),
    ],
)
def test_a_script_must_lie_below_its_file(load: Load, script: str, words: str) -> None:
    problem = problem_of(load, SCRIPTED.replace("scripts/score.js", script))

    assert (problem.line, problem.place) == (5, "step_templates[0].handler_config.script")
    assert words in problem.reason


def test_a_script_that_is_not_utf8_is_named(load: Load) -> None:
    loaded = load({"flow.yaml": SCRIPTED, "scripts/score.js": b"// \xff"})

    (problem,) = loaded.problems
    assert "score.js" in problem.reason
    assert "not UTF-8" in problem.reason
