"""`ratchet restore`: take the tombstone of a deleted workflow away."""

from __future__ import annotations

import click

from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.domain.name import parse_name


@command("restore")
@click.argument("name")
@pass_invocation
def restore(invocation: Invocation, name: str) -> None:
    """Bring a deleted workflow back: NAME, namespace.NAME, or one version with @VERSION."""
    meant = parse_name(name)
    with opened_stored(invocation) as runtime:
        runtime.engine.restore_workflow(meant.namespace, meant.name, meant.version)
        view = runtime.reads.workflow(meant.namespace, meant.name, meant.version)
    if invocation.json:
        document = {"workflow": view.definition.full_name, "versions": list(view.versions)}
        invocation.output.document(document)
        return
    invocation.output.line(f"restored {meant.namespace}.{meant.name}: {', '.join(view.versions)}")
