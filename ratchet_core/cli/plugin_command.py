"""The commands that plugins add to the command line."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import click

from ratchet_core.cli.invocation import Invocation
from ratchet_core.errors import RatchetError
from ratchet_core.hooks import Hooks
from ratchet_core.runtime.plugins import make_hooks


def plugin_commands(context: click.Context, taken: Collection[str]) -> dict[str, click.Command]:
    """Return the commands of active plugins by name; a plugin's failure costs its own alone.

    Args:
        context: of the command line.
        taken: names of our own commands, which no plugin can replace.
    """
    invocation = context.ensure_object(Invocation)
    try:
        hooks = make_hooks(invocation.load_quietly().settings)
    except RatchetError:
        return {}  # the command that needs the settings will say what is wrong with them
    offered = hooks.register_commands()
    refused = refuse_taken(hooks, offered, taken)
    for plugin, reason in refused.items():
        invocation.output.warn(f"plugin '{plugin}': {reason}")
    return {str(item.name): item for plugin, item in offered if plugin not in refused}


def refuse_taken(
    hooks: Hooks, offered: Iterable[tuple[str, click.Command]], taken: Collection[str]
) -> dict[str, str]:
    """Quarantine plugins whose commands have names of our own; return which, and why.

    Args:
        hooks: that the commands come from.
        offered: each with its plugin.
        taken: names of our own commands.
    """
    refused = {
        plugin: f"the command '{command.name}' is one of Ratchet's own; deny the plugin"
        for plugin, command in offered
        if command.name in taken
    }
    for plugin, reason in refused.items():
        hooks.quarantine(plugin, reason)
    return refused
