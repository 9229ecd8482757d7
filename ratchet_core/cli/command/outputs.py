"""`ratchet outputs`: where outputs go, the keys that sign them, and what did not arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened, opened_stored
from ratchet_core.domain.delivery import DeliveryQuery, DeliveryState, DeliveryView, Origin
from ratchet_core.domain.delivery import Destination as Place
from ratchet_core.domain.query import Window
from ratchet_core.errors import NotFound
from ratchet_core.runtime.outputs import secret_of

_MOST = 1000


@group("outputs")
def outputs() -> None:
    """Look at destinations and deliveries of outputs, and send some again."""


@outputs.command("list")
@pass_invocation
def list_destinations(invocation: Invocation) -> None:
    """List the configured destinations, and why one does not work."""
    with opened_stored(invocation) as runtime:
        off = runtime.reads.deliveries.disabled()
        rules = runtime.core.destinations
        items = [_destination(one, rules.check(one), off.get(one.name)) for one in rules.everywhere]
    if invocation.json:
        invocation.output.document({"items": items})
        return
    rows = [tuple(item.values()) for item in items]
    invocation.output.table(("Destination", "Type", "Enabled", "After", "Problem"), rows)


def _destination(one: Place, problems: Sequence[str], off: str | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": one.kind,
        "enabled": one.enabled,
        "run_states": ", ".join(one.run_states),
        "problem": off or "; ".join(problems) or None,
    }


@outputs.command("secret")
@click.argument("name")
@pass_invocation
def secret(invocation: Invocation, name: str) -> None:
    """Print the key that signs what goes to a destination; it is made where there is none."""
    settings = invocation.load().settings
    with opened(invocation, settings) as runtime:
        found = [one for one in runtime.core.destinations.everywhere if one.name == name]
    if not found:  # of a workflow or a run: those without a key of their own are signed by name
        found = [Place(name=name, kind="", origin=Origin.WORKFLOW, place=0, options={})]
    click.echo(secret_of(settings, found[0]).decode())


@outputs.command("enable")
@click.argument("name")
@pass_invocation
def enable(invocation: Invocation, name: str) -> None:
    """Switch a destination on again that was switched off by its answer."""
    with opened_stored(invocation) as runtime:
        if not runtime.engine.deliveries.enable(name):
            raise NotFound(f"Destination '{name}' is not switched off")
    invocation.output.line(f"{name} is switched on")


@outputs.command("deliveries")
@click.option("--status", type=click.Choice([state.value for state in DeliveryState]))
@click.option("--run", "run_id", help="Only those of this run.")
@click.option("--destination", help="Only those to this destination.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True)
@pass_invocation
def list_deliveries(
    invocation: Invocation,
    status: str | None,
    run_id: str | None,
    destination: str | None,
    limit: int,
) -> None:
    """List deliveries, newest first."""
    query = DeliveryQuery(
        states=None if status is None else (DeliveryState(status),),
        run_id=run_id,
        destination=destination,
    )
    with opened_stored(invocation) as runtime:
        page = runtime.reads.deliveries.page(query, Window(limit=limit))
    if invocation.json:
        items = [_delivery(view) for view in page.items]
        invocation.output.document({"items": items, "total": page.total})
        return
    rows = [
        (
            view.id,
            view.run_id,
            view.destination,
            view.state.value,
            view.attempts,
            None if view.error is None else view.error.message,
        )
        for view in page.items
    ]
    columns = ("Delivery", "Run", "Destination", "Status", "Attempts", "Error")
    invocation.output.table(columns, rows)
    invocation.output.note(f"{len(page.items)} of {page.total} deliveries")


def _delivery(view: DeliveryView) -> dict[str, Any]:
    return {
        "id": view.id,
        "run_id": view.run_id,
        "destination": view.destination,
        "type": view.kind,
        "status": view.state.value,
        "attempts": view.attempts,
        "error": None if view.error is None else view.error.message,
        "created_at": view.created_at,
        "completed_at": view.completed_at,
    }


@outputs.command("redeliver")
@click.argument("delivery", nargs=-1)
@click.option("--failed", is_flag=True, help="All that were put aside, the oldest first.")
@click.option("--destination", help="With --failed: only those to this destination.")
@pass_invocation
def redeliver(
    invocation: Invocation, delivery: Sequence[str], destination: str | None, *, failed: bool
) -> None:
    """Send deliveries again, named by their ids."""
    if bool(delivery) == failed:
        raise click.UsageError("name deliveries, or say --failed")
    with opened_stored(invocation) as runtime:
        verbs = runtime.engine.deliveries
        for one in delivery:
            verbs.redeliver(one)
        done = len(delivery)
        if failed:
            query = DeliveryQuery(states=(DeliveryState.FAILED,), destination=destination)
            page = runtime.reads.deliveries.page(query, Window(limit=_MOST, order="asc"))
            done = verbs.redeliver_many([view.id for view in page.items])
    if invocation.json:
        invocation.output.document({"redelivered": done})
        return
    invocation.output.line(f"{done} deliveries are sent again")
