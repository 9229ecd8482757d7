"""`ratchet schedules`: look at schedules, make and delete them, make them fire, switch them."""

from __future__ import annotations

from typing import Final

import click

from ratchet_core.cli.command.schedule_changes import COMMANDS
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.cli.schedule_view import (
    find_schedule,
    schedule_document,
    state_of,
    tell_schedule,
    workflow_of,
)
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.query import ScheduleQuery, Window
from ratchet_core.domain.schedule import PREVIEW

_MOST: Final = 1000


@group("schedules")
def schedules() -> None:
    """Make, list, preview, trigger, switch and delete schedules; named by their id or name."""


for _made in COMMANDS:
    schedules.add_command(_made)


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
            workflow_of(view),
            view.spec.cron_expression,
            view.spec.timezone,
            state_of(view),
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
        view = find_schedule(runtime, schedule)
    tell_schedule(invocation, view)


@schedules.command("preview")
@click.argument("schedule")
@click.option("--count", type=click.IntRange(1, 100), default=PREVIEW, show_default=True)
@pass_invocation
def preview(invocation: Invocation, schedule: str, count: int) -> None:
    """Show when a schedule fires next, in its time zone, as if it were enabled."""
    with opened_stored(invocation) as runtime:
        view = find_schedule(runtime, schedule)
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
