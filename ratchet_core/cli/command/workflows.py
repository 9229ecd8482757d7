"""`ratchet workflows`: what is stored, and storing what files and plugins define."""

from __future__ import annotations

from typing import Any

import click

from ratchet_core.cli.command.run_control import BY
from ratchet_core.cli.document import problem_document, workflow_document
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened, opened_stored
from ratchet_core.cli.sync_report import print_sync
from ratchet_core.domain.name import WorkflowName, parse_name
from ratchet_core.domain.query import Window, WorkflowQuery
from ratchet_core.domain.views import WorkflowView
from ratchet_core.registry.found import Loaded


@group("workflows")
def workflows() -> None:
    """List workflows, pause and resume them, and store those in files."""


@workflows.command("list")
@click.option("--namespace", help="Only those of this namespace.")
@click.option("--limit", type=click.IntRange(1, 1000), default=1000, show_default=True)
@pass_invocation
def list_workflows(invocation: Invocation, namespace: str | None, limit: int) -> None:
    """List the stored workflows, each at its latest version."""
    with opened_stored(invocation) as runtime:
        page = runtime.reads.workflows(
            WorkflowQuery(namespace=namespace), Window(limit=limit, order="asc")
        )
    if invocation.json:
        items = [_document(view) for view in page.items]
        invocation.output.document({"items": items, "total": page.total})
        return
    rows = [
        (
            f"{view.definition.namespace}.{view.definition.name}",
            ", ".join(view.versions),
            len(view.definition.steps),
            "enabled" if view.enabled else "disabled",
            view.definition.description[:80],
        )
        for view in page.items
    ]
    invocation.output.table(("Workflow", "Versions", "Steps", "", "Description"), rows)


@workflows.command("sync")
@click.option("--replace", is_flag=True, help="Replace versions whose content has changed.")
@pass_invocation
def sync(invocation: Invocation, *, replace: bool) -> ExitCode:
    """Store what the files of RATCHET_PATH and the plugins define.

    A version that is stored already and has other content now is refused, unless --replace says
    that new runs shall use the new content. Exit code 3 where something was wrong or refused.
    """
    settings = invocation.load().settings
    with opened(invocation, settings) as runtime:
        runtime.prepare_database()
        loaded, report = runtime.sync_definitions(on_change="replace" if replace else "refuse")
    if invocation.json:
        document = {
            "workflows": [item.definition.full_name for item in loaded.definitions],
            "added": report.added,
            "replaced": report.replaced,
            "refused": report.refused,
            "deleted": report.deleted,
            "problems": [problem_document(problem) for problem in loaded.problems],
            "notes": [problem_document(note) for note in loaded.notes],
            "example": _example(loaded),
        }
        invocation.output.document(document)
    else:
        print_sync(invocation.output, loaded, report)
    return ExitCode.CONFIGURATION if loaded.problems or report.refused else ExitCode.OK


@workflows.command("pause")
@click.argument("workflow")
@pass_invocation
def pause(invocation: Invocation, workflow: str) -> None:
    """Hold all runs of a workflow, NAME or namespace.NAME; new ones are accepted and wait."""
    meant = _unversioned(workflow)
    with opened_stored(invocation) as runtime:
        changed = runtime.engine.pause_workflow(meant.namespace, meant.name, BY)
    _tell_pause(invocation, meant, paused=True, changed=changed)


@workflows.command("resume")
@click.argument("workflow")
@pass_invocation
def resume(invocation: Invocation, workflow: str) -> None:
    """Let the runs of a workflow go on; those that were paused for themselves stay paused."""
    meant = _unversioned(workflow)
    with opened_stored(invocation) as runtime:
        changed = runtime.engine.resume_workflow(meant.namespace, meant.name, BY)
    _tell_pause(invocation, meant, paused=False, changed=changed)


def _unversioned(text: str) -> WorkflowName:
    meant = parse_name(text)
    if meant.version is not None:
        message = f"'{text}' names a version; all versions of a workflow pause together"
        raise click.UsageError(message)
    return meant


def _tell_pause(
    invocation: Invocation, meant: WorkflowName, *, paused: bool, changed: bool
) -> None:
    name = f"{meant.namespace}.{meant.name}"
    if invocation.json:
        invocation.output.document({"workflow": name, "paused": paused, "changed": changed})
        return
    before = "" if changed else ", as it was before"
    invocation.output.line(f"workflow {name} is {'paused' if paused else 'not paused'}{before}")


def _example(loaded: Loaded) -> dict[str, Any] | None:
    """Return a workflow to try and an input for it: one of its own test cases."""
    for found in loaded.definitions:
        namespace, name = found.definition.namespace, found.definition.name
        for case in found.test_cases:
            if case.has_expected_output and not case.mocks:
                task_id = name if namespace == "default" else f"{namespace}.{name}"
                return {"task_id": task_id, "input": case.input}
    return None


def _document(view: WorkflowView) -> dict[str, Any]:
    return {
        **workflow_document(view.definition),
        "id": view.id,
        "versions": list(view.versions),
        "enabled": view.enabled,
    }
