"""What `ratchet new` and `ratchet validate --fix` write, and what they leave alone."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import orjson
import pytest

from ratchet_core.cli import main
from ratchet_core.cli.completion import complete_task_folders
from ratchet_core.cli.template import KINDS
from ratchet_core.domain.name import WorkflowName, parse_name


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_a_kind_is_written_without_a_gap(kind: str, tmp_path: Path) -> None:
    code = main(["new", kind, "my-thing", "--path", str(tmp_path), "--description", 'Says "hi".'])

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert code == 0
    assert len(files) == len(KINDS[kind])
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "[[ " not in text
        assert " ]]" not in text
        if file.suffix == ".py":
            ast.parse(text)
        if file.suffix == ".json":
            orjson.loads(text)
        if file.suffix == ".toml":
            assert tomllib.loads(text)["project"]["description"] == 'Says "hi".'


def test_a_directory_that_exists_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()

    code = main(["new", "task", "mine", "--path", str(tmp_path)])

    assert code == 3
    assert "exists already" in capsys.readouterr().err
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a.b", "", "1st", "a b", "a/b", "ä:"])
def test_a_name_that_no_definition_may_bear_is_refused(name: str, tmp_path: Path) -> None:
    assert main(["new", "workflow", name, "--path", str(tmp_path)]) == 2

    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_none_is_refused(tmp_path: Path) -> None:
    assert main(["new", "task", "x", "--path", str(tmp_path), "--version", "1"]) == 2


def test_fixing_writes_what_a_script_lacks_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "my-task"
    folder.mkdir()
    (folder / "main.js").write_text("(function () { return 1; })", encoding="utf-8")
    (folder / "input.schema.json").write_text("{}", encoding="utf-8")

    written = list(complete_task_folders(tmp_path))

    assert sorted(path.name for path in written) == ["metadata.json", "output.schema.json"]
    assert (folder / "input.schema.json").read_text(encoding="utf-8") == "{}"
    metadata = orjson.loads((folder / "metadata.json").read_bytes())
    assert (metadata["name"], metadata["label"], metadata["version"]) == (
        "my-task",
        "My task",
        "1.0.0",
    )
    assert list(complete_task_folders(tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hello", WorkflowName("default", "hello")),
        ("hello@1.0.0", WorkflowName("default", "hello", "1.0.0")),
        ("payments.refund", WorkflowName("payments", "refund")),
        (
            "payments.refund.partly@2.1.0-rc.1",
            WorkflowName("payments", "refund.partly", "2.1.0-rc.1"),
        ),
    ],
)
def test_a_name_is_read_with_namespace_and_version(text: str, meant: WorkflowName) -> None:
    assert parse_name(text) == meant
