"""`ratchet validate`: every problem of the definitions in some paths, with its place."""

from __future__ import annotations

from pathlib import Path

import click

from ratchet_core.cli.completion import complete_task_folders
from ratchet_core.cli.document import label_of, problem_document, workflow_document
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_paths, scratch
from ratchet_core.cli.output import Output
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.registry.found import DefinitionProblem, Loaded


@command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--fix", is_flag=True, help="Write metadata and schemas that a script lacks.")
@pass_invocation
def validate(invocation: Invocation, paths: tuple[Path, ...], *, fix: bool) -> ExitCode:
    """Load what PATHS define and say all that is wrong with it; exit code 3 where something is.

    PATHS are directories, zip files, scripts or YAML files; without any, those of RATCHET_PATH.
    """
    settings = invocation.load().settings
    chosen = paths or settings.registry.directories
    if not chosen:
        raise click.UsageError("name a PATH, or set RATCHET_PATH")
    written = [path for root in chosen for path in complete_task_folders(root)] if fix else []
    with scratch(settings) as own, opened_paths(invocation, own, chosen) as (_, loaded):
        problems = list(loaded.problems)
    if not loaded.definitions and not problems:
        problems = [DefinitionProblem(str(path), "nothing is defined here") for path in chosen]
    if invocation.json:
        document = {
            "valid": not problems,
            "workflows": [
                {**workflow_document(found.definition), "file": found.file}
                for found in loaded.definitions
            ],
            "problems": [problem_document(problem) for problem in problems],
            "notes": [problem_document(note) for note in loaded.notes],
            "written": [str(path) for path in written],
        }
        invocation.output.document(document)
    else:
        _print(invocation.output, loaded, problems, written)
    return ExitCode.CONFIGURATION if problems else ExitCode.OK


def _print(
    output: Output, loaded: Loaded, problems: list[DefinitionProblem], written: list[Path]
) -> None:
    for path in written:
        output.line(f"wrote {path}")
    for found in loaded.definitions:
        _print_workflow(output, found.definition, found.file)
    for note in loaded.notes:
        output.note(f"note: {note.message}")
    for problem in problems:
        output.note(f"error: {problem.message}")
    count = len(loaded.definitions)
    verdict = f"{len(problems)} problems" if problems else "no problem"
    output.line(f"{count} workflow versions are sound, {verdict}", "red" if problems else "green")


def _print_workflow(output: Output, definition: WorkflowDefinition, file: str) -> None:
    output.line(definition.full_name, "bold")
    output.line(f"  label:       {label_of(definition)}")
    if definition.uuid:
        output.line(f"  uuid:        {definition.uuid}")
    output.line(f"  description: {definition.description or '-'}")
    output.line(f"  file:        {file}")
    for step in definition.steps:
        after = f" after {', '.join(step.depends_on)}" if step.depends_on else ""
        output.line(f"  step:        {step.name} ({step.handler}){after}")
