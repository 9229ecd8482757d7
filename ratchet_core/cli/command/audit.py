"""`ratchet audit`: the log of who changed what, and whether anybody has tampered with it."""

from __future__ import annotations

import click

from ratchet_core.access.audit import Verdict
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.store.clock import known_datetime


@group("audit")
def audit() -> None:
    """Show and check the log of who changed what."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@pass_invocation
def list_entries(invocation: Invocation, limit: int) -> None:
    """List the newest entries, newest first."""
    with opened_stored(invocation) as runtime:
        items = runtime.audit.newest(limit)
    if invocation.json:
        invocation.output.document({"entries": items})
        return
    rows = [
        (
            known_datetime(item.at_us),
            item.entry.principal,
            item.entry.address,
            item.entry.operation,
            item.entry.path,
            item.entry.status,
        )
        for item in items
    ]
    invocation.output.table(("At", "Who", "From", "What", "Path", "Status"), rows)


@audit.command("verify")
@pass_invocation
def verify(invocation: Invocation) -> int:
    """Check the whole chain; exit with 1 where an entry was changed, removed or reordered."""
    with opened_stored(invocation) as runtime:
        runtime.audit.seal()
        verdict = runtime.audit.verify()
    if invocation.json:
        invocation.output.document(verdict)
    else:
        invocation.output.line(_sentence(verdict))
    return ExitCode.OK if verdict.broken_at is None else ExitCode.FAILED


def _sentence(verdict: Verdict) -> str:
    if verdict.broken_at is not None:
        return f"the chain is broken at entry {verdict.broken_at}"
    return f"{verdict.entries} entries, the chain holds; its end is {verdict.end or 'empty'}"
