"""The command line as a whole: its list of commands, shared options, exit codes."""

from __future__ import annotations

import gc
import inspect
import sys
from pathlib import Path

import click
import orjson
import pytest

from ratchet_core.cli import main
from ratchet_core.cli.exit_code import ExitCode, exit_code_of
from ratchet_core.cli.reference import render
from ratchet_core.cli.root import COMMANDS, root
from ratchet_core.errors import (
    ConfigurationError,
    DefinitionError,
    PluginError,
    RatchetError,
    RunNotFound,
    Unavailable,
    ValidationFailed,
)

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
ANYWHERE = "0.0.0.0"  # noqa: S104 - refused, never bound


def command_named(name: str) -> click.Command:
    command = root.get_command(click.Context(root, info_name="ratchet"), name)
    assert command is not None
    return command


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_committed_reference_is_what_the_code_says() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == render(), (
        "run: python -m ratchet_core.cli.reference docs/reference/cli.md"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_exists_and_explains_itself(name: str) -> None:
    command = command_named(name)

    assert inspect.cleandoc(command.help or "").endswith((".", "`.", "too."))


def test_importing_a_command_leaves_the_garbage_collector_on() -> None:
    sys.modules.pop("ratchet_core.cli.command.version", None)

    command_named("version")

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0  # what stays for good is not looked at again


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_shared_options(name: str) -> None:
    options = {parameter.name for parameter in command_named(name).params}

    assert {"json", "config", "data_dir", "log_level", "debug"} <= options


def test_the_help_lists_the_commands_without_importing_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("ratchet_core.cli.command.")]:
        monkeypatch.delitem(sys.modules, name)

    code = main(["--help"])

    shown = capsys.readouterr().out
    assert code == 0
    assert [
        name for name, place in COMMANDS.items() if not place.hidden and name not in shown
    ] == []
    assert not [name for name in sys.modules if name.startswith("ratchet_core.cli.command.")]


def test_the_help_is_there_with_a_broken_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ratchet.yaml").write_text("server: [", encoding="utf-8")

    assert main(["--help"]) == 0

    assert "Run tasks and workflows durably" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nope"], ["run"], ["up", "--port", "x"], ["--nope"]])
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE

    assert "Usage: ratchet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RatchetError("x"), 1),
        (RunNotFound("x"), 1),
        (ValidationFailed("x"), 1),
        (ConfigurationError("x"), 3),
        (DefinitionError("x"), 3),
        (PluginError("x"), 3),
        (Unavailable("x"), 4),
    ],
)
def test_each_error_has_its_exit_code(error: RatchetError, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_broken_configuration_is_named_with_file_line_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ratchet.yaml").write_text("server:\n  prot: 1\n", encoding="utf-8")

    code = main(["config", "validate"])

    told = capsys.readouterr().err
    assert code == ExitCode.CONFIGURATION
    assert "ratchet.yaml:2" in told
    assert "port" in told
    assert "Traceback" not in told


def test_an_error_is_json_where_json_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--config", str(tmp_path / "absent.yaml"), "config", "show", "--json"])

    error = orjson.loads(capsys.readouterr().err)["error"]
    assert code == ExitCode.CONFIGURATION
    assert error["code"] == "CONFIGURATION_ERROR"
    assert "absent.yaml" in error["message"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_shared_options_may_stand_before_and_after_the_command(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ["--json", "--data-dir", str(tmp_path / "elsewhere")]
    command = ["config", "show", "data_dir"]

    main([*shared, *command] if where == "before" else [*command, *shared])

    shown = orjson.loads(capsys.readouterr().out)
    assert shown["settings"]["data_dir"]["value"] == str(tmp_path / "elsewhere")


def test_secrets_are_masked_in_what_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_DATABASE_URL", "postgresql://me:hunter2@db.example/ratchet")

    main(["config", "show", "--json"])

    captured = capsys.readouterr()
    settings = orjson.loads(captured.out)["settings"]
    assert "hunter2" not in captured.out + captured.err
    assert settings["server.database.url"]["source"] == "environment variable RATCHET_DATABASE_URL"


def test_a_configuration_that_serving_would_refuse_is_warned_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_SERVER_HOST", ANYWHERE)

    code = main(["config", "validate"])

    assert code == ExitCode.OK
    assert "would refuse" in capsys.readouterr().err


def test_an_open_address_is_refused_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["up", "--host", ANYWHERE, "--data-dir", str(tmp_path / "data")])

    assert code == ExitCode.CONFIGURATION
    assert "server.allow_unauthenticated" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
