"""`ratchet runs`: pause, resume, do again; cancel, retry and delete one run or all of a filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import click

from ratchet_core.api.door.moment import read_moment
from ratchet_core.cli.document import run_document
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.query import RunQuery
from ratchet_core.domain.states import RunState
from ratchet_core.domain.views import RunView
from ratchet_core.engine.bulk import MAX_RUNS, BulkAction, BulkRequest
from ratchet_core.engine.requests import SAME, RerunRequest

#: Who asks, in the journal.
BY: Final = "command line"

Function = Callable[..., Any]


@command("pause")
@click.argument("run_id")
@pass_invocation
def pause(invocation: Invocation, run_id: str) -> None:
    """Hold a run: steps that run go on to their end, no other starts."""
    with opened_stored(invocation) as runtime:
        run = runtime.engine.pause(run_id, BY)
    tell_state(invocation, run)


@command("resume")
@click.argument("run_id")
@pass_invocation
def resume(invocation: Invocation, run_id: str) -> None:
    """Let a paused run go on where it stopped."""
    with opened_stored(invocation) as runtime:
        run = runtime.engine.resume(run_id, BY)
    tell_state(invocation, run)


@command("rerun")
@click.argument("run_id")
@click.option(
    "--version",
    default=SAME,
    show_default=True,
    help="`same`, `latest`, or a version of its workflow.",
)
@click.option(
    "--from",
    "from_step",
    metavar="STEP",
    help="Begin there, with the results of what stands before.",
)
@pass_invocation
def rerun(invocation: Invocation, run_id: str, version: str, from_step: str | None) -> None:
    """Do a run again as a new run with the same input."""
    request = RerunRequest(run_id=run_id, version=version, from_step=from_step, principal=BY)
    with opened_stored(invocation) as runtime:
        run = runtime.engine.rerun(request).run
    tell_state(invocation, run)


def _moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    try:
        return None if value is None else read_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


def _filtered(function: Function) -> Function:
    """Add the argument and the options that say which runs are meant."""
    for option in reversed(
        [
            click.argument("run_id", required=False),
            click.option(
                "--state",
                "states",
                multiple=True,
                type=click.Choice([state.value for state in RunState]),
                help="Instead of RUN_ID: all in this state; may be repeated.",
            ),
            click.option("--workflow", help="All of NAME, namespace.NAME, or with @VERSION."),
            click.option("--schedule", metavar="ID", help="All that this schedule has made."),
            click.option(
                "--created-after", metavar="TIME", callback=_moment, help="Not older ones."
            ),
            click.option(
                "--created-before", metavar="TIME", callback=_moment, help="Not newer ones."
            ),
            click.option("--all", "everything", is_flag=True, help="All, without a filter."),
            click.option("--dry-run", is_flag=True, help="Only tell how many, and show some."),
            click.option(
                "--expect",
                "expected",
                type=click.IntRange(1, MAX_RUNS),
                help="Only if so many match, as a dry run has told.",
            ),
            click.option(
                "--limit", type=click.IntRange(1, MAX_RUNS), help="So many at most, oldest first."
            ),
        ]
    ):
        function = option(function)
    return function


@command("cancel")
@_filtered
@pass_invocation
def cancel(invocation: Invocation, /, run_id: str | None, **given: Any) -> None:
    """Stop a run, or all runs of a filter; what has not started will not start."""
    if not _is_one(run_id, given):
        _bulk(invocation, BulkAction.CANCEL, given)
        return
    with opened_stored(invocation) as runtime:
        run = runtime.engine.cancel(str(run_id), BY)
    tell_state(invocation, run)


@command("retry")
@_filtered
@click.option("--from", "from_step", metavar="STEP", help="Do this step and all after it again.")
@pass_invocation
def retry(
    invocation: Invocation, /, run_id: str | None, from_step: str | None, **given: Any
) -> None:
    """Set a failed or cancelled run going again, or all of a filter; what completed is kept."""
    if not _is_one(run_id, given):
        if from_step is not None:
            raise click.UsageError("--from is for one run: name its RUN_ID")
        _bulk(invocation, BulkAction.RETRY, given)
        return
    with opened_stored(invocation) as runtime:
        run = runtime.engine.retry(str(run_id), BY, from_step)
    tell_state(invocation, run)


@command("delete")
@_filtered
@pass_invocation
def delete(invocation: Invocation, /, run_id: str | None, **given: Any) -> None:
    """Delete a run that has come to its end, or all of a filter, with what belongs to them."""
    if not _is_one(run_id, given):
        _bulk(invocation, BulkAction.DELETE, given)
        return
    with opened_stored(invocation) as runtime:
        runtime.engine.delete_run(str(run_id))
    if invocation.json:
        invocation.output.document({"deleted": run_id})
    else:
        invocation.output.line(f"deleted run {run_id}")


def tell_state(invocation: Invocation, run: RunView) -> None:
    """Print where a run stands."""
    if invocation.json:
        invocation.output.document(run_document(run))
        return
    waits = f", waits for: {run.waiting_for}" if run.waiting_for else ""
    invocation.output.line(f"run {run.id} is {run.state.value}{waits}")


def _is_one(run_id: str | None, given: dict[str, Any]) -> bool:
    """Tell whether one run is meant; refuse where it is not clear."""
    has_options = any(value not in (None, False, ()) for value in given.values())
    if run_id is not None and has_options:
        raise click.UsageError("name either a RUN_ID or a filter")
    if run_id is None and not has_options:
        raise click.UsageError("name a RUN_ID, or a filter such as --workflow or --state")
    return run_id is not None


def _bulk(invocation: Invocation, action: BulkAction, given: dict[str, Any]) -> None:
    if not given["dry_run"] and given["expected"] is None and given["limit"] is None:
        message = "say --dry-run first, then --expect with the number it tells; or --limit"
        raise click.UsageError(message)
    if given["dry_run"] and not (given["expected"] is None and given["limit"] is None):
        raise click.UsageError("--dry-run takes neither --expect nor --limit")
    request = _request(action, given)
    with opened_stored(invocation) as runtime:
        if given["dry_run"]:
            look = runtime.engine.bulk_look(request)
            _tell_look(invocation, action, look.matched, look.sample)
            return
        done = runtime.engine.bulk(request)
    left = done.matched - done.done - done.skipped
    if invocation.json:
        document = {"matched": done.matched, "done": done.done, "skipped": done.skipped}
        invocation.output.document({**document, "remaining": left})
        return
    skipped = f", {done.skipped} changed by themselves meanwhile" if done.skipped else ""
    remaining = f", {left} are left" if left else ""
    invocation.output.line(
        f"{action.value}: {done.done} of {done.matched} runs{skipped}{remaining}"
    )


def _request(action: BulkAction, given: dict[str, Any]) -> BulkRequest:
    meant = parse_name(given["workflow"]) if given["workflow"] else None
    query = RunQuery(
        states=tuple(RunState(state) for state in given["states"]) or None,
        namespace=meant.namespace if meant else None,
        name=meant.name if meant else None,
        version=meant.version if meant else None,
        schedule_id=given["schedule"],
        created_from=given["created_after"],
        created_to=given["created_before"],
    )
    return BulkRequest(
        action=action,
        query=query,
        by=BY,
        everything=given["everything"],
        expected=given["expected"],
        limit=given["limit"],
    )


def _tell_look(
    invocation: Invocation, action: BulkAction, matched: int, sample: tuple[RunView, ...]
) -> None:
    if invocation.json:
        items = [run_document(run) for run in sample]
        invocation.output.document({"dry_run": True, "matched": matched, "sample": items})
        return
    rows = [(run.id, run.full_name, run.state.value, run.created_at) for run in sample]
    if rows:
        invocation.output.table(("Run", "Workflow", "State", "Created (UTC)"), rows)
    invocation.output.line(f"{action.value} would be done to {matched} runs; nothing was changed")


#: What `ratchet runs` gets from here.
COMMANDS: Final = (pause, resume, rerun, cancel, retry, delete)
