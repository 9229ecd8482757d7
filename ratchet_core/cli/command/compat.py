"""`ratchet compat`: what a new version of a workflow breaks, and whether its number says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from ratchet_core.cli.document import problem_document
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_paths, opened_stored, scratch
from ratchet_core.cli.output import Output
from ratchet_core.domain.compatibility import Comparison, Weight, compare
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.version import Version, latest
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import NotFound, WorkflowNotFound
from ratchet_core.registry.found import DefinitionProblem
from ratchet_core.runtime import Ratchet

_STYLES: Final = {Weight.MAJOR: "red", Weight.MINOR: "yellow"}

#: Versions of one workflow by their text.
_Versions = dict[str, WorkflowDefinition]
#: Finds all versions of a workflow by namespace and name.
_Lookup = Callable[[str, str], _Versions]


@command("compat")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Where the new definitions are; by default RATCHET_PATH. May be repeated.",
)
@click.option("--files-only", is_flag=True, help="Look at no database.")
@pass_invocation
def compat(
    invocation: Invocation,
    old: str | None,
    new: str | None,
    paths: tuple[Path, ...],
    *,
    files_only: bool,
) -> ExitCode:
    """Compare a new version of a workflow with an older one; exit code 1 where it breaks a promise.

    OLD and NEW are namespace.name@version, from the files or the database. Without them every
    workflow of the files is compared with the version before it. A version keeps its promise when
    its number is raised as semantic versions ask for what has changed: major where callers may
    be refused or read something else, minor where they can do more, patch otherwise.
    """
    versions = [text for text in (old, new) if text is not None]
    if len(versions) == 1:
        raise click.UsageError("name OLD and NEW, or neither")
    settings = invocation.load().settings
    chosen = paths or settings.registry.directories
    if not versions and not chosen:
        raise click.UsageError("name OLD and NEW, or a --path, or set RATCHET_PATH")
    with scratch(settings) as own, opened_paths(invocation, own, chosen) as (_, loaded):
        found = [item.definition for item in loaded.definitions]
        problems = list(loaded.problems)
    with contextlib.ExitStack() as stack:
        stored = _nothing if files_only else _Stored(stack.enter_context(opened_stored(invocation)))
        if versions:
            comparisons = [_of_two(versions, found, stored)]
        else:
            comparisons = _with_predecessors(found, stored)
    _show(invocation, comparisons, problems)
    if problems:
        return ExitCode.CONFIGURATION
    honest = all(comparison.is_compatible for comparison in comparisons)
    return ExitCode.OK if honest else ExitCode.FAILED


def _nothing(_namespace: str, _name: str) -> _Versions:
    """Stand for a database without a workflow."""
    return {}


class _Stored:
    """Finds the versions that the database holds."""

    def __init__(self, runtime: Ratchet) -> None:
        self._reads = runtime.reads

    def __call__(self, namespace: str, name: str) -> _Versions:
        try:
            views = self._reads.workflow_versions(namespace, name)
        except NotFound:
            return {}
        return {view.definition.version: view.definition for view in views}


def _of_two(
    versions: Sequence[str], found: Sequence[WorkflowDefinition], stored: _Lookup
) -> Comparison:
    old, new = (_named(text, found, stored) for text in versions)
    if (old.namespace, old.name) != (new.namespace, new.name):
        raise click.UsageError(f"{versions[0]} and {versions[1]} are not one workflow")
    return compare(old, new)


def _named(text: str, found: Iterable[WorkflowDefinition], stored: _Lookup) -> WorkflowDefinition:
    """Return the version that `text` names, of the files before the database; else the latest."""
    meant = parse_name(text)
    known = stored(meant.namespace, meant.name)
    known |= {
        item.version: item
        for item in found
        if (item.namespace, item.name) == (meant.namespace, meant.name)
    }
    version = meant.version or latest(known)
    if version not in known:
        raise WorkflowNotFound(meant.namespace, meant.name, meant.version)
    return known[version]


def _with_predecessors(found: Sequence[WorkflowDefinition], stored: _Lookup) -> list[Comparison]:
    """Compare each workflow's latest version in the files with the one before, if there is one."""
    by_name: dict[tuple[str, str], _Versions] = {}
    for item in found:
        by_name.setdefault((item.namespace, item.name), {})[item.version] = item
    comparisons = []
    for (namespace, name), versions in sorted(by_name.items()):
        new = versions[str(latest(versions))]
        known = stored(namespace, name)
        same = known.get(new.version)
        if same is not None and same.to_document() != new.to_document():
            # A number that is in use already says nothing about what has changed since.
            comparisons.append(compare(same, new))
            continue
        known |= versions
        older = [text for text in known if Version(text) < Version(new.version)]
        if older:
            comparisons.append(compare(known[str(latest(older))], new))
    return comparisons


def _show(
    invocation: Invocation, comparisons: list[Comparison], problems: list[DefinitionProblem]
) -> None:
    if invocation.json:
        document = {
            "compatible": all(comparison.is_compatible for comparison in comparisons),
            "comparisons": [_document(comparison) for comparison in comparisons],
            "problems": [problem_document(problem) for problem in problems],
        }
        invocation.output.document(document)
        return
    for problem in problems:
        invocation.output.note(f"error: {problem.message}")
    for comparison in comparisons:
        _print(invocation.output, comparison)
    if not comparisons:
        invocation.output.line("there is nothing to compare: no workflow has a version before it")


def _print(output: Output, comparison: Comparison) -> None:
    output.line(f"{comparison.old} -> {comparison.new}", "bold")
    for change in comparison.changes:
        text = f"  {change.weight.name.lower():6} {change.place}: {change.message}"
        output.line(text, _STYLES.get(change.weight))
    if not comparison.changes:
        output.line("  nothing has changed")
    output.line(f"  {_verdict(comparison)}", "green" if comparison.is_compatible else "red")


def _verdict(comparison: Comparison) -> str:
    if comparison.raised is Weight.NONE:
        return "the version is not raised; give the changed workflow a higher one"
    raised, asked = comparison.raised.name.lower(), comparison.asked.name.lower()
    if comparison.is_compatible:
        return f"the version says so: it is raised by a {raised} step"
    return f"the version is raised by a {raised} step; these changes ask for a {asked} one"


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "old": comparison.old,
        "new": comparison.new,
        "compatible": comparison.is_compatible,
        "asked": comparison.asked.name.lower(),
        "raised": comparison.raised.name.lower(),
        "verdict": _verdict(comparison),
        "changes": [
            {
                "weight": change.weight.name.lower(),
                "place": change.place,
                "message": change.message,
            }
            for change in comparison.changes
        ],
    }
