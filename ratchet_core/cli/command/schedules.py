"""`ratchet schedules`: look at schedules, make them fire now, switch them on and off."""

from __future__ import annotations

from typing import Any, Final

import click

from ratchet_core.cli.document import run_document
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.cli.output import Output, to_json
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.query import ScheduleQuery, Window
from ratchet_core.domain.schedule import PREVIEW
from ratchet_core.domain.views import ScheduleView
from ratchet_core.errors import ScheduleNotFound
from ratchet_core.runtime import Ratchet

#: Who asks.
_BY: Final = "command line"
_MOST: Final = 1000


@group("schedules")
def schedules() -> None:
    """List, preview, trigger and switch schedules; each is named by its id or its name."""


@schedules.command("list")
@click.option("--workflow", help="Only those of NAME or namespace.NAME.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Skip so many.")
@pass_invocation
def list_schedules(invocation: Invocation, workflow: str | None, limit: int, offset: int) -> None:
    """List schedules, newest first."""
    meant = parse_name(workflow) if workflow else None
    query = ScheduleQuery(
        namespace=meant.namespace if meant else None,
        workflow=meant.name if meant else None,
        version=meant.version if meant else None,
    )
    with opened_stored(invocation) as runtime:
        page = runtime.reads.schedules.page(query, Window(limit=limit, offset=offset))
    if invocation.json:
        items = [schedule_document(view) for view in page.items]
        invocation.output.document({"items": items, "total": page.total})
        return
    rows = [
        (
            view.id,
            view.spec.name,
            _workflow(view),
            view.spec.cron_expression,
            view.spec.timezone,
            _state(view),
            view.next_at,
        )
        for view in page.items
    ]
    columns = ("Schedule", "Name", "Workflow", "Cron", "Zone", "", "Next (UTC)")
    invocation.output.table(columns, rows)
    invocation.output.note(f"{len(page.items)} of {page.total} schedules")


@schedules.command("show")
@click.argument("schedule")
@pass_invocation
def show(invocation: Invocation, schedule: str) -> None:
    """Show one schedule."""
    with opened_stored(invocation) as runtime:
        view = _find(runtime, schedule)
    _tell(invocation, view)


@schedules.command("preview")
@click.argument("schedule")
@click.option("--count", type=click.IntRange(1, 100), default=PREVIEW, show_default=True)
@pass_invocation
def preview(invocation: Invocation, schedule: str, count: int) -> None:
    """Show when a schedule fires next, in its time zone, as if it were enabled."""
    with opened_stored(invocation) as runtime:
        view = _find(runtime, schedule)
        upcoming = view.spec.timetable().preview(runtime.reads.schedules.now(), count)
    if invocation.json:
        items = [
            {"at": item.at, "local": item.local.isoformat(), "shift": item.shift}
            for item in upcoming
        ]
        invocation.output.document({"items": items, "timezone": view.spec.timezone})
        return
    rows = [(item.at, item.local.isoformat(sep=" "), item.shift) for item in upcoming]
    invocation.output.table(("Next (UTC)", view.spec.timezone, "Shift"), rows)


@schedules.command("trigger")
@click.argument("schedule")
@pass_invocation
def trigger(invocation: Invocation, schedule: str) -> None:
    """Make one run of a schedule now, whatever its times say."""
    with opened_stored(invocation) as runtime:
        run = runtime.engine.trigger_schedule(_find(runtime, schedule).id, _BY)
    if invocation.json:
        invocation.output.document(run_document(run))
    else:
        invocation.output.line(f"run {run.id} is {run.state.value}")


@schedules.command("enable")
@click.argument("schedule")
@pass_invocation
def enable(invocation: Invocation, schedule: str) -> None:
    """Let a schedule fire; it goes on with the next fire time from now."""
    _switch(invocation, schedule, enabled=True)


@schedules.command("disable")
@click.argument("schedule")
@pass_invocation
def disable(invocation: Invocation, schedule: str) -> None:
    """Let a schedule fire no more; runs that it has made go on."""
    _switch(invocation, schedule, enabled=False)


def schedule_document(view: ScheduleView) -> dict[str, Any]:
    """Return a schedule as `--json` prints it."""
    spec = view.spec
    return {
        "id": view.id,
        "name": spec.name,
        "workflow": _workflow(view),
        "cron_expression": spec.cron_expression,
        "timezone": spec.timezone,
        "input": spec.input,
        "enabled": spec.enabled,
        "catchup": spec.catchup.value,
        "max_catchup": spec.max_catchup,
        "overlap": spec.overlap.value,
        "starts_at": spec.starts_at,
        "ends_at": spec.ends_at,
        "max_runs": spec.max_runs,
        "next_run_at": view.next_at,
        "last_run_at": view.last_at,
        "last_run_id": view.last_run_id,
        "runs_made": view.runs_made,
        "runs_skipped": view.runs_skipped,
        "waiting": list(view.waiting),
        "problem": view.problem,
        "source": view.source,
    }


def _find(runtime: Ratchet, text: str) -> ScheduleView:
    """Return the schedule of that id, or else of that name."""
    try:
        return runtime.reads.schedules.one(text.lower())
    except ScheduleNotFound:
        named = runtime.reads.schedules.page(ScheduleQuery(name=text), Window(limit=1)).items
        if not named:
            raise ScheduleNotFound(text) from None
        return named[0]


def _switch(invocation: Invocation, schedule: str, *, enabled: bool) -> None:
    with opened_stored(invocation) as runtime:
        found = _find(runtime, schedule)
        view = runtime.engine.update_schedule(found.id, {"enabled": enabled})
    if invocation.json:
        invocation.output.document(schedule_document(view))
        return
    then = f", fires next at {view.next_at.isoformat()}" if view.next_at else ""
    invocation.output.line(f"schedule {view.id} is {_state(view)}{then}")


def _workflow(view: ScheduleView) -> str:
    spec = view.spec
    at = f"@{spec.version}" if spec.version else ""
    return f"{spec.namespace}.{spec.workflow}{at}"


def _state(view: ScheduleView) -> str:
    if view.problem is not None:
        return "problem"
    if view.is_exhausted:
        return "exhausted"
    return "enabled" if view.spec.enabled else "disabled"


def _tell(invocation: Invocation, view: ScheduleView) -> None:
    if invocation.json:
        invocation.output.document(schedule_document(view))
        return
    output, spec = invocation.output, view.spec
    output.line(f"schedule {view.id}" + (f" ({spec.name})" if spec.name else ""))
    output.line(f"workflow {_workflow(view)}")
    output.line(f"cron     {spec.cron_expression} in {spec.timezone}")
    output.line(f"state    {_state(view)}")
    output.line(f"input    {to_json(spec.input)}")
    _tell_progress(output, view)


def _tell_progress(output: Output, view: ScheduleView) -> None:
    if view.next_at is not None:
        output.line(f"next     {view.next_at.isoformat()}")
    if view.last_at is not None:
        output.line(f"last     {view.last_at.isoformat()}")
    skipped = f", {view.runs_skipped} skipped" if view.runs_skipped else ""
    output.line(f"runs     {view.runs_made}{skipped}")
    if view.problem is not None:
        output.line(f"problem  {view.problem}", "red")
    if view.source is not None:
        output.line(f"file     {view.source}")
