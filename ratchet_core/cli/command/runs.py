"""`ratchet runs`: look at runs. What is done to them is in `run_control`."""

from __future__ import annotations

from typing import Final

import click

from ratchet_core.cli.command.run_control import COMMANDS
from ratchet_core.cli.document import line_document, run_document, why_document
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.cli.output import Output, to_json
from ratchet_core.domain.log import LogQuery
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.query import AttemptQuery, RunQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.views import AttemptView, RunView, StepView

_MOST: Final = 1000


@group("runs")
def runs() -> None:
    """List and show runs; pause, resume, cancel, retry, rerun and delete them."""


for _made in COMMANDS:
    runs.add_command(_made)


@runs.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in RunState]),
    help="Only these; may be repeated.",
)
@click.option("--workflow", help="Only those of NAME, namespace.NAME, or with @VERSION.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Skip so many.")
@pass_invocation
def list_runs(
    invocation: Invocation, states: tuple[str, ...], workflow: str | None, limit: int, offset: int
) -> None:
    """List runs, newest first."""
    meant = parse_name(workflow) if workflow else None
    query = RunQuery(
        states=tuple(RunState(state) for state in states) or None,
        namespace=meant.namespace if meant else None,
        name=meant.name if meant else None,
        version=meant.version if meant else None,
    )
    with opened_stored(invocation) as runtime:
        page = runtime.reads.runs(query, Window(limit=limit, offset=offset))
    if invocation.json:
        items = [run_document(run) for run in page.items]
        invocation.output.document({"items": items, "total": page.total})
        return
    rows = [
        (run.id, run.full_name, run.state.value, f"{run.progress:.0%}", run.created_at, _why(run))
        for run in page.items
    ]
    columns = ("Run", "Workflow", "State", "Progress", "Created (UTC)", "Error")
    invocation.output.table(columns, rows)
    invocation.output.note(f"{len(page.items)} of {page.total} runs")


@runs.command("show")
@click.argument("run_id")
@click.option("--logs", is_flag=True, help="Also what its attempts have logged.")
@pass_invocation
def show(invocation: Invocation, run_id: str, *, logs: bool) -> None:
    """Show one run with its steps."""
    with opened_stored(invocation) as runtime:
        run, steps = runtime.reads.run(run_id), runtime.reads.steps(run_id)
        query, window = AttemptQuery(run_id=run_id), Window(limit=_MOST, order="asc")
        attempts = runtime.reads.attempts(query, window).items if logs else ()
        lines = runtime.reads.logs.page(LogQuery(run_id=run_id), _MOST).items if logs else ()
    if invocation.json:
        document = run_document(run, steps)
        if logs:
            document["attempts"] = [_attempt_document(attempt) for attempt in attempts]
            document["logs"] = [line_document(line) for line in lines]
        invocation.output.document(document)
        return
    _print_run(invocation.output, run)
    print_steps(invocation.output, steps)
    for line in lines:
        text = f"{line.step} #{line.attempt} {line.level}: {line.message}"
        invocation.output.line(text)


@runs.command("why")
@click.argument("run_id")
@pass_invocation
def why(invocation: Invocation, run_id: str) -> None:
    """Say why a run is not running or not finished, and what would change that."""
    with opened_stored(invocation) as runtime:
        told = runtime.reads.why(run_id)
    if invocation.json:
        invocation.output.document(why_document(told))
        return
    invocation.output.line(f"run {told.run.id} is {told.run.state.value}")
    for reason in told.reasons:
        invocation.output.line(f"- {reason.message}.")
        invocation.output.line(f"  {reason.remedy}")
    if told.omitted:
        invocation.output.note(f"{told.omitted} more reasons")


def _print_run(output: Output, run: RunView) -> None:
    output.line(f"run      {run.id}")
    output.line(f"workflow {run.full_name}")
    output.line(f"state    {run.state.value}, {run.progress:.0%} done")
    output.line(f"input    {to_json(run.input)}")
    if run.result is not None:
        output.line(f"result   {to_json(run.result)}")
    if run.error is not None:
        output.line(f"error    {run.error.type}: {run.error.message}", "red")


def print_steps(output: Output, steps: tuple[StepView, ...]) -> None:
    """Print the steps of a run as a table."""
    rows = [
        (step.name, step.state.value, step.attempts, step.error.message if step.error else None)
        for step in steps
    ]
    output.table(("Step", "State", "Attempts", "Error"), rows)


def _attempt_document(attempt: AttemptView) -> dict[str, object]:
    return {
        "id": attempt.id,
        "step": attempt.step,
        "number": attempt.number,
        "state": attempt.state.value,
        "duration_ms": attempt.duration_ms,
    }


def _why(run: RunView) -> str | None:
    return f"{run.error.type}: {run.error.message}"[:80] if run.error else None
