"""`ratchet validate`, `test` and `new` on real definitions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.integration.cli.conftest import Ratchet, document
from tests.processes import RATCHET, environment

EXAMPLES = ROOT / "contrib" / "examples"


def write_task(folder: Path, script: str, **cases: object) -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "main.js").write_text(script, encoding="utf-8")
    (folder / "metadata.json").write_text(
        json.dumps({"name": folder.name, "version": "1.2.0", "label": "A label"}), encoding="utf-8"
    )
    for name, case in cases.items():
        (folder / "tests" / f"{name}.json").write_text(json.dumps(case), encoding="utf-8")
    return folder


def test_all_examples_are_sound(ratchet: Ratchet) -> None:
    ended = ratchet("validate", EXAMPLES, "--json")

    report = document(ended)
    names = {item["full_name"] for item in report["workflows"]}
    assert report["problems"] == []
    assert {"payments.process_payment@2.1.0", "default.weather-api@1.1.0"} <= names
    assert ended.returncode == 0


def test_the_test_cases_of_all_examples_pass_without_a_network(ratchet: Ratchet) -> None:
    ended = ratchet("test", EXAMPLES, "--json")

    report = document(ended)
    assert [case for case in report["cases"] if case["verdict"] != "passed"] == []
    assert report["passed"] > 30
    assert ended.returncode == 0


def test_a_sound_definition_is_described(ratchet: Ratchet, tmp_path: Path) -> None:
    write_task(tmp_path / "mine", "(function () { return 1; })")

    ended = ratchet("validate", "mine")

    for text in ("default.mine@1.2.0", "A label", "mine (javascript)", "no problem"):
        assert text in ended.stdout
    assert ended.returncode == 0


def test_every_problem_is_named_with_its_place(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("name: a\nstep_templates: []\n", encoding="utf-8")
    (tmp_path / "two.yaml").write_text(
        "name: b\nstep_templates:\n  - name: x\n    handler_class: no.Such\n", encoding="utf-8"
    )

    ended = ratchet("validate", ".")

    assert ended.returncode == 3
    assert "one.yaml:" in ended.stderr
    assert "two.yaml:4: step_templates[0].handler_class" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_path_that_defines_nothing_is_a_problem(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    ended = ratchet("validate", "empty")

    assert ended.returncode == 3
    assert "nothing is defined here" in ended.stderr


def test_validating_leaves_no_database_behind(ratchet: Ratchet, tmp_path: Path) -> None:
    ratchet("validate", EXAMPLES / "addition")

    assert list(tmp_path.iterdir()) == []


def test_what_fix_writes_makes_a_script_sound(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "main.js").write_text("(function () { return 1; })", encoding="utf-8")

    ended = ratchet("validate", "--fix", "bare", "--json")

    assert len(document(ended)["written"]) == 3
    assert document(ended)["workflows"][0]["full_name"] == "default.bare@1.0.0"
    assert ended.returncode == 0


def test_a_failed_case_is_exit_code_1_and_shows_the_difference(
    ratchet: Ratchet, tmp_path: Path
) -> None:
    write_task(
        tmp_path / "mine",
        "(function (input) { console.log('seen'); return { sum: input.a + 1, more: true }; })",
        **{
            "001-wrong": {"input": {"a": 1}, "expected_output": {"sum": 3, "more": True}},
            "002-right": {"input": {"a": 2}, "expected_output": {"sum": 3, "more": True}},
            "003-nothing-expected": {"input": {"a": 2}},
        },
    )

    ended = ratchet("test", "mine", "--logs")

    assert ended.returncode == 1
    assert "sum: expected 3, got 2" in ended.stdout
    assert "info: seen" in ended.stdout
    assert "1 passed, 1 failed, 1 skipped" in ended.stdout


def test_errors_assertions_and_mocks_of_a_case_count(ratchet: Ratchet, tmp_path: Path) -> None:
    script = """(function (input) {
      if (input.bad) throw new ValidationError("bad input");
      const reply = fetch("https://api.example.test/users/7");
      return { status: reply.status, name: reply.body.name };
    })"""
    mock = {
        "http": {
            "url": "api.example.test/users",
            "method": "GET",
            "response": {"ok": False, "status": 418, "body": {"name": "Ann"}},
        }
    }
    assertions = [
        {"path": "status", "operator": "equals", "expected": 418},
        {"path": "name", "operator": "matches", "expected": "^A"},
    ]
    write_task(
        tmp_path / "mine",
        script,
        **{
            "1-fails": {"input": {"bad": True}, "expected_error": "ValidationError: bad"},
            "2-fails-somehow": {"input": {"bad": True}, "should_fail": True},
            "3-mock": {"input": {}, "mock": mock, "assertions": assertions},
            "4-other-error": {"input": {"bad": True}, "expected_error": "DataError"},
            "5-should-fail": {"input": {}, "mock": mock, "should_fail": True},
        },
    )

    cases = document(ratchet("test", "mine", "--json"))["cases"]

    verdicts = [case["verdict"] for case in cases]
    assert verdicts == ["passed", "passed", "passed", "failed", "failed"]
    assert "ValidationError: bad input" in cases[3]["reasons"][0]


def test_a_result_that_breaks_its_schema_fails_its_case(ratchet: Ratchet, tmp_path: Path) -> None:
    folder = write_task(
        tmp_path / "mine",
        "(function () { return { sum: 'three' }; })",
        **{"001": {"input": {}, "expected_output": {"sum": "three"}}},
    )
    schema = {"type": "object", "properties": {"sum": {"type": "number"}}}
    (folder / "output.schema.json").write_text(json.dumps(schema), encoding="utf-8")

    ended = ratchet("test", "mine")

    assert ended.returncode == 1
    assert "does not match the output schema" in ended.stdout


def test_no_test_case_is_no_failure(ratchet: Ratchet, tmp_path: Path) -> None:
    write_task(tmp_path / "mine", "(function () { return 1; })")

    ended = ratchet("test", "mine")

    assert ended.returncode == 0
    assert ended.stdout.startswith("OK: there is no test case")


def test_a_broken_case_is_a_problem_with_its_place(ratchet: Ratchet, tmp_path: Path) -> None:
    write_task(tmp_path / "mine", "(function () { return 1; })", **{"001": {"inptu": {}}})

    ended = ratchet("test", "mine")

    assert ended.returncode == 3
    assert "001.json:1" in ended.stderr


def test_a_new_task_is_sound_tested_and_runs(ratchet: Ratchet) -> None:
    assert ratchet("new", "task", "my-task").returncode == 0

    tested = document(ratchet("test", "my-task", "--json"))
    ran = ratchet("run", "my-task", "--input", '{"value": "it"}')

    assert (tested["passed"], tested["failed"]) == (2, 0)
    assert ran.stdout == 'Result: {"result":"Processed: it"}\n'


@pytest.mark.parametrize(("kind", "folder"), [("workflow", "orders"), ("plugin", "ratchet-orders")])
def test_the_tests_of_a_new_workflow_and_a_new_plugin_pass(
    kind: str, folder: str, ratchet: Ratchet, tmp_path: Path
) -> None:
    assert ratchet("new", kind, "orders").returncode == 0

    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."],
        cwd=tmp_path / folder,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert tested.returncode == 0, tested.stdout


def test_a_new_plugin_is_found_once_it_is_installed(ratchet: Ratchet, tmp_path: Path) -> None:
    ratchet("new", "plugin", "orders")
    source = tmp_path / "ratchet-orders" / "src"
    install(source, "ratchet-orders", "orders = ratchet_orders")

    plugins = document(ratchet("plugins", "--json", PYTHONPATH=str(source)))["plugins"]

    found = {plugin["name"]: plugin for plugin in plugins}["orders"]
    assert (found["state"], found["provides"]) == ("active", ["step handler orders"])


def test_a_command_of_a_plugin_is_there_and_one_that_is_broken_is_not(tmp_path: Path) -> None:
    source = tmp_path / "site"
    source.mkdir()
    (source / "greeter.py").write_text(
        "import click\n"
        "from ratchet_core.sdk import hookimpl\n"
        "@click.command('greet', help='Says hello.')\n"
        "def greet():\n"
        "    click.echo('hello from a plugin')\n"
        "@hookimpl\n"
        "def ratchet_register_commands():\n"
        "    return [greet]\n",
        encoding="utf-8",
    )
    (source / "broken.py").write_text("raise RuntimeError('oops')\n", encoding="utf-8")
    install(source, "greeter", "greeter = greeter", "broken = broken")
    env = environment(tmp_path, PYTHONPATH=str(source))

    shown = subprocess.check_output([RATCHET, "--help"], cwd=tmp_path, env=env, text=True)
    greeted = subprocess.check_output([RATCHET, "greet"], cwd=tmp_path, env=env, text=True)
    listed = subprocess.check_output([RATCHET, "plugins"], cwd=tmp_path, env=env, text=True)

    assert "greet  Says hello." in shown
    assert greeted == "hello from a plugin\n"
    assert "RuntimeError: oops" in listed
    assert "command greet" in listed


def install(source: Path, name: str, *entry_points: str) -> None:
    """Make the modules in `source` an installed distribution for whoever has it on its path."""
    info = source / f"{name.replace('-', '_')}-1.0.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = os.linesep.join(["[ratchet]", *entry_points])
    (info / "entry_points.txt").write_text(lines, encoding="utf-8")
