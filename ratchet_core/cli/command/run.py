"""`ratchet run`: one run of one workflow in this process, with its progress to watch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from ratchet_core.cli.document import line_document, run_document
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.inline import InlineDrain
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.json_value import read_json
from ratchet_core.cli.opening import opened_paths, scratch
from ratchet_core.cli.output import to_json
from ratchet_core.cli.run_view import run_display
from ratchet_core.cli.start import make_data_dir
from ratchet_core.config import LoadedSettings, Settings
from ratchet_core.domain.log import LogQuery
from ratchet_core.domain.name import WorkflowName, parse_name
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.domain.views import RunView
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ConfigurationError, NotFound
from ratchet_core.registry.found import Loaded
from ratchet_core.runtime import Ratchet

_DEFINITION_FILES: Final = frozenset({".js", ".yaml", ".yml", ".zip"})
#: A cancelled step that does not look at it gets so long to end; then the process ends anyway.
_PATIENCE_S: Final = 5.0
_MOST_LINES: Final = 1000
_SUCCESS: Final = frozenset({RunState.COMPLETED, RunState.RESOLVED})


@command("run")
@click.argument("name", metavar="NAME|PATH")
@click.option(
    "--input",
    "value",
    callback=read_json,
    default="{}",
    metavar="JSON|@FILE|-",
    help="The input; an empty object by default.",
)
@pass_invocation
def run(invocation: Invocation, name: str, value: Any) -> ExitCode:
    """Run a workflow once, in this process and without a server.

    NAME is a workflow of RATCHET_PATH or of a plugin: NAME, namespace.NAME, either with @VERSION.
    PATH is the directory of a task, a script or a YAML file. Prints `Result: {json}`; exit code 1
    where the run fails. Everything is kept in a database of its own and removed at the end, unless
    a database is configured. Ctrl-C cancels the run.
    """
    with _prepared(invocation, name) as (runtime, meant):
        request = SubmitRequest(
            namespace=meant.namespace,
            name=meant.name,
            version=meant.version,
            input=value,
            principal="command line",
            origin={"initiator": "ratchet run"},
        )
        accepted = runtime.engine.submit(request).run
        queue = runtime.reads.workflow(accepted.namespace, accepted.name, accepted.version)
        ended = _follow(invocation, runtime, accepted.id, queue.definition.queue)
        return _tell(invocation, runtime, ended)


def _follow(invocation: Invocation, runtime: Ratchet, run_id: str, queue: str) -> RunView:
    """Run it in a thread and show it from this one, which takes Ctrl-C."""
    with (
        run_display(quiet=invocation.json) as display,
        InlineDrain(runtime, run_id, queue, _PATIENCE_S) as drain,
    ):
        try:
            while not drain.is_over(display.look_s):
                display.show(runtime.reads.run(run_id), runtime.reads.steps(run_id))
        except KeyboardInterrupt:
            if runtime.reads.run_state(run_id) not in RUN_TERMINAL:
                runtime.engine.cancel(run_id, "command line")
            click.echo("cancelled; waiting for the running step to end", err=True)
        display.show(runtime.reads.run(run_id), runtime.reads.steps(run_id))
    return runtime.reads.run(run_id)


def _tell(invocation: Invocation, runtime: Ratchet, ended: RunView) -> ExitCode:
    lines = runtime.reads.logs.page(LogQuery(run_id=ended.id), _MOST_LINES).items
    if invocation.json:
        steps = runtime.reads.steps(ended.id)
        logs = [line_document(line) for line in lines]
        invocation.output.document(run_document(ended, steps) | {"logs": logs})
    else:
        for line in lines:
            invocation.output.note(f"{line.step} {line.level}: {line.message}")
        if ended.state in _SUCCESS:
            click.echo(f"Result: {to_json(ended.result)}")
        elif ended.error is not None:
            at = f" (step {ended.error.step})" if ended.error.step else ""
            click.echo(f"Error: {ended.error.type}: {ended.error.message}{at}", err=True)
    if ended.state is RunState.CANCELLED:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if ended.state in _SUCCESS else ExitCode.FAILED


@contextlib.contextmanager
def _prepared(invocation: Invocation, name: str) -> Iterator[tuple[Ratchet, WorkflowName]]:
    """Give a runtime whose database knows the workflow, and the workflow's name."""
    loaded = invocation.load()
    path = Path(name)
    is_path = path.suffix in _DEFINITION_FILES or "/" in name
    is_path = is_path or (path.is_dir() and not loaded.settings.registry.directories)
    if is_path and not path.exists():
        raise click.BadParameter(f"there is no {name}", param_hint="NAME|PATH")
    with _own_database(loaded) as settings:
        make_data_dir(settings)
        if is_path:
            with opened_paths(invocation, settings, [path]) as (runtime, found):
                yield runtime, _store(runtime, found, _only(found, name))
            return
        runtime = Ratchet(settings, invocation.environ)
        try:
            yield runtime, _store(runtime, runtime.load_definitions(), parse_name(name))
        finally:
            runtime.close()


@contextlib.contextmanager
def _own_database(loaded: LoadedSettings) -> Iterator[Settings]:
    """Give settings with a database of this run alone, unless one is configured."""
    if loaded.source_of("database.url") != "default":
        yield loaded.settings
        return
    with scratch(loaded.settings) as settings:
        yield settings


def _only(found: Loaded, name: str) -> WorkflowName:
    """Return the one workflow that a path defines.

    Raises:
        ConfigurationError: it defines none that is sound, or several.
    """
    names = {f"{d.definition.namespace}.{d.definition.name}" for d in found.definitions}
    if not names:
        reasons = "\n".join(problem.message for problem in found.problems)
        raise ConfigurationError(reasons or f"{name} defines nothing that can be run")
    if len(names) > 1:
        message = f"{name} defines {', '.join(sorted(names))}; set RATCHET_PATH={name} and name one"
        raise ConfigurationError(message)
    definition = found.definitions[0].definition
    return WorkflowName(definition.namespace, definition.name)


def _store(runtime: Ratchet, found: Loaded, meant: WorkflowName) -> WorkflowName:
    """Store the versions of the workflow that is meant; complain where its files are broken."""
    wanted = [
        item.definition
        for item in found.definitions
        if (item.definition.namespace, item.definition.name) == (meant.namespace, meant.name)
    ]
    if not wanted and found.problems:
        reasons = "\n".join(problem.message for problem in found.problems)
        message = f"there is no sound workflow '{meant.namespace}.{meant.name}'; broken are:\n"
        raise ConfigurationError(message + reasons)
    runtime.prepare_database()
    runtime.engine.sync_definitions(wanted, found.namespaces, on_change="replace")
    try:
        runtime.reads.workflow(meant.namespace, meant.name, meant.version)
    except NotFound as error:
        raise NotFound(f"{error.message}; {_known(found)}") from None
    return meant


def _known(found: Loaded) -> str:
    names = sorted({f"{d.definition.namespace}.{d.definition.name}" for d in found.definitions})
    if not names:
        return "nothing is defined: set RATCHET_PATH to the directory of your definitions"
    return f"defined are {', '.join(names)}"
