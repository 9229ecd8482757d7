"""The commands that plugins add to the command line."""

from __future__ import annotations

from collections.abc import Collection

import click

from ratchet_core.cli.invocation import Invocation
from ratchet_core.errors import RatchetError
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
    found: dict[str, click.Command] = {}
    for plugin, command in hooks.register_commands():
        if not isinstance(command, click.Command) or not command.name:
            hooks.quarantine(plugin, "it offers something that is no click command with a name")
            continue
        name = command.name
        if name in taken or name in found:
            invocation.output.warn(f"plugin '{plugin}' offers a command '{name}', which is taken")
        else:
            found[name] = command
    return found
