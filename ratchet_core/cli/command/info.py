"""`ratchet info`: the backlog of each queue, and the drains at work."""

from __future__ import annotations

from typing import Any

import orjson

from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.runtime import Ratchet
from ratchet_core.store.claims import Backlog, backlog
from ratchet_core.store.clock import to_datetime
from ratchet_core.store.drains import listed


@command("info")
@pass_invocation
def info(invocation: Invocation) -> None:
    """Show how many steps are ready, for how long the oldest waits, and which drains work."""
    with opened_stored(invocation) as runtime:
        queues, drains = _backlog(runtime), _drains(runtime)
    if invocation.json:
        invocation.output.document({"queues": queues, "drains": drains})
        return
    if queues:
        rows = [(waiting.queue, waiting.ready, f"{waiting.oldest_age_s:.1f}") for waiting in queues]
        invocation.output.table(("Queue", "Ready steps", "Oldest waits, s"), rows)
    else:
        invocation.output.line("no step is ready")
    if drains:
        invocation.output.table(
            ("Worker", "Host", "Process", "Queues", "Since"),
            [
                (d["worker"], d["host"], d["pid"], ", ".join(d["queues"]), d["started_at"])
                for d in drains
            ],
        )
    else:
        invocation.output.line("no drain is at work; `ratchet worker` starts some")


def _backlog(runtime: Ratchet) -> list[Backlog]:
    with runtime.database.read() as tx:
        return backlog(tx)


def _drains(runtime: Ratchet) -> list[dict[str, Any]]:
    with runtime.database.read() as tx:
        rows = listed(tx)
    return [
        {
            "id": row["id"],
            "worker": row["worker"],
            "host": row["host"],
            "pid": row["pid"],
            "queues": orjson.loads(row["queues"]),
            "started_at": to_datetime(row["started_at"]),
            "lease_until": to_datetime(row["lease_until"]),
        }
        for row in rows
    ]
