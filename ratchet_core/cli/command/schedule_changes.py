"""`ratchet schedules`: the commands that change something."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click

from ratchet_core.api.door.moment import read_moment
from ratchet_core.cli.document import run_document
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.json_value import read_json
from ratchet_core.cli.opening import opened_stored
from ratchet_core.cli.schedule_view import (
    find_schedule,
    schedule_document,
    state_of,
    tell_schedule,
)
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.schedule import DEFAULT_CATCHUP, Catchup, Overlap, ScheduleSpec

#: Who asks.
_BY: Final = "command line"


def _moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        return read_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@command("create")
@click.argument("workflow", metavar="NAME")
@click.argument("cron")
@click.option("--name", help="Its name, which no other schedule has.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA name of its time zone.")
@click.option(
    "--input",
    callback=read_json,
    default="{}",
    metavar="JSON|@FILE|-",
    help="The input of its runs; an empty object by default.",
)
@click.option("--description", default="", help="For people.")
@click.option("--priority", type=int, help="Of its runs; else the workflow's.")
@click.option(
    "--catchup",
    type=click.Choice([item.value for item in Catchup]),
    default=Catchup.LATEST.value,
    show_default=True,
    help="What becomes of fire times that nobody fired.",
)
@click.option(
    "--max-catchup",
    type=int,
    default=DEFAULT_CATCHUP,
    show_default=True,
    help="Most runs that are made up for.",
)
@click.option(
    "--overlap",
    type=click.Choice([item.value for item in Overlap]),
    default=Overlap.ALLOW.value,
    show_default=True,
    help="What happens while an earlier run is not at its end.",
)
@click.option("--starts-at", callback=_moment, metavar="TIME", help="No fire time before.")
@click.option("--ends-at", callback=_moment, metavar="TIME", help="No fire time after.")
@click.option("--max-runs", type=int, help="Exhausted after so many runs.")
@click.option("--disabled", is_flag=True, help="It fires nothing until it is enabled.")
@pass_invocation
def create(
    invocation: Invocation, /, workflow: str, cron: str, *, disabled: bool, **options: Any
) -> None:
    """Make a schedule: workflow NAME runs at every fire time of CRON.

    NAME is a workflow: NAME, namespace.NAME, either with @VERSION; without a version the latest at
    each fire time. CRON has five fields, six with the second first, or is an alias such as @daily.
    """
    meant = parse_name(workflow)
    catchup, overlap = Catchup(options.pop("catchup")), Overlap(options.pop("overlap"))
    spec = ScheduleSpec(
        namespace=meant.namespace,
        workflow=meant.name,
        version=meant.version,
        cron_expression=cron,
        enabled=not disabled,
        catchup=catchup,
        overlap=overlap,
        **options,
    )
    with opened_stored(invocation) as runtime:
        view = runtime.engine.create_schedule(spec)
    tell_schedule(invocation, view)


@command("delete")
@click.argument("schedule")
@pass_invocation
def delete(invocation: Invocation, schedule: str) -> None:
    """Delete a schedule; its runs stay. One that a file declares stays away from reloads, too."""
    with opened_stored(invocation) as runtime:
        view = find_schedule(runtime, schedule)
        runtime.engine.delete_schedule(view.id)
    if invocation.json:
        invocation.output.document(schedule_document(view))
        return
    invocation.output.line(f"schedule {view.id} is deleted; its runs stay")


@command("trigger")
@click.argument("schedule")
@pass_invocation
def trigger(invocation: Invocation, schedule: str) -> None:
    """Make one run of a schedule now, whatever its times say."""
    with opened_stored(invocation) as runtime:
        run = runtime.engine.trigger_schedule(find_schedule(runtime, schedule).id, _BY)
    if invocation.json:
        invocation.output.document(run_document(run))
    else:
        invocation.output.line(f"run {run.id} is {run.state.value}")


@command("enable")
@click.argument("schedule")
@pass_invocation
def enable(invocation: Invocation, schedule: str) -> None:
    """Let a schedule fire; it goes on with the next fire time from now."""
    _switch(invocation, schedule, enabled=True)


@command("disable")
@click.argument("schedule")
@pass_invocation
def disable(invocation: Invocation, schedule: str) -> None:
    """Let a schedule fire no more; runs that it has made go on."""
    _switch(invocation, schedule, enabled=False)


def _switch(invocation: Invocation, schedule: str, *, enabled: bool) -> None:
    with opened_stored(invocation) as runtime:
        found = find_schedule(runtime, schedule)
        view = runtime.engine.update_schedule(found.id, {"enabled": enabled})
    if invocation.json:
        invocation.output.document(schedule_document(view))
        return
    then = f", fires next at {view.next_at.isoformat()}" if view.next_at else ""
    invocation.output.line(f"schedule {view.id} is {state_of(view)}{then}")


#: What `ratchet schedules` gets from here.
COMMANDS: Final = (create, delete, trigger, enable, disable)
