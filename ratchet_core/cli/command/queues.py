"""`ratchet queues`: what waits in each queue, and letting nothing be taken from one."""

from __future__ import annotations

import click

from ratchet_core.cli.command.run_control import BY
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.domain.pause import PauseKind
from ratchet_core.store.claims import Backlog, backlog


@group("queues")
def queues() -> None:
    """List, pause and resume queues."""


@queues.command("list")
@pass_invocation
def list_queues(invocation: Invocation) -> None:
    """List the queues in which steps wait, and those that are paused."""
    with opened_stored(invocation) as runtime:
        paused = {
            pause.name: pause for pause in runtime.reads.pauses() if pause.kind is PauseKind.QUEUE
        }
        with runtime.database.read() as tx:
            waiting = {item.queue: item for item in backlog(tx)}
    names = sorted({*paused, *waiting})
    items = [
        {
            "queue": name,
            "ready": waiting.get(name, Backlog(name, 0.0, 0)).ready,
            "paused": name in paused,
            "paused_by": paused[name].by if name in paused else None,
            "paused_at": paused[name].at if name in paused else None,
        }
        for name in names
    ]
    if invocation.json:
        invocation.output.document({"items": items, "total": len(items)})
        return
    rows = [
        (item["queue"], item["ready"], "paused" if item["paused"] else None, item["paused_at"])
        for item in items
    ]
    invocation.output.table(("Queue", "Ready steps", "", "Since (UTC)"), rows)


@queues.command("pause")
@click.argument("queue")
@pass_invocation
def pause(invocation: Invocation, queue: str) -> None:
    """Let no step be taken from a queue; those that run go on to their end."""
    with opened_stored(invocation) as runtime:
        changed = runtime.engine.pause_queue(queue, BY)
    _tell(invocation, queue, paused=True, changed=changed)


@queues.command("resume")
@click.argument("queue")
@pass_invocation
def resume(invocation: Invocation, queue: str) -> None:
    """Let steps be taken from a queue again."""
    with opened_stored(invocation) as runtime:
        changed = runtime.engine.resume_queue(queue)
    _tell(invocation, queue, paused=False, changed=changed)


def _tell(invocation: Invocation, queue: str, *, paused: bool, changed: bool) -> None:
    if invocation.json:
        invocation.output.document({"queue": queue, "paused": paused, "changed": changed})
        return
    before = "" if changed else ", as it was before"
    invocation.output.line(f"queue {queue} is {'paused' if paused else 'not paused'}{before}")
