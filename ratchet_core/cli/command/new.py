"""`ratchet new`: a start that works and is tested, for a task, a workflow or a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.template import names_of, write
from ratchet_core.domain.version import is_version
from ratchet_core.domain.workflow import is_name

_NEXT: Final = {
    "task": ("ratchet validate {folder}", "ratchet test {folder}"),
    "workflow": ("ratchet validate {folder}", "pytest {folder}"),
    "plugin": ("pip install -e '{folder}[test]'", "pytest {folder}", "ratchet plugins"),
}


@group("new")
def new() -> None:
    """Write a start for a task, a workflow or a plugin."""


def _check_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_name(value) or not value[0].isalpha() or any(sign in value for sign in ".:"):
        message = f"{value!r} is no name: use letters, digits, '-' and '_', a letter first"
        raise click.BadParameter(message, context, parameter)
    return value


def _check_version(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_version(value):
        message = f"{value!r} is no semantic version such as 1.0.0"
        raise click.BadParameter(message, context, parameter)
    return value


def _define(kind: str, about: str) -> None:
    @new.command(kind, help=about)
    @click.argument("name", callback=_check_name)
    @click.option("--path", type=click.Path(path_type=Path), help="Parent of the new directory.")
    @click.option("--label", default="", help="Name for people.")
    @click.option("--description", default="", help="One sentence.")
    @click.option("--version", default="1.0.0", callback=_check_version, show_default=True)
    @pass_invocation
    def write_kind(invocation: Invocation, /, name: str, path: Path | None, **texts: Any) -> None:
        variables = names_of(kind, name, texts["label"], texts["description"], texts["version"])
        if not variables["description"]:
            variables["description"] = f"{variables['label']}, as `ratchet new` wrote it."
        folder = (path or Path()) / (variables["distribution"] if kind == "plugin" else name)
        files = write(kind, folder, variables)
        if invocation.json:
            document = {"kind": kind, "folder": str(folder), "files": [str(file) for file in files]}
            invocation.output.document(document)
            return
        for file in files:
            invocation.output.line(f"wrote {file}")
        invocation.output.note("next:")
        for line in _NEXT[kind]:
            invocation.output.note(f"  {line.format(folder=folder)}")


_define("task", "Write a JavaScript task NAME: script, schemas, metadata, test cases.")
_define("workflow", "Write a workflow NAME: YAML, step handlers in Python, tests.")
_define("plugin", "Write a plugin NAME: a package with a step handler and its tests.")
