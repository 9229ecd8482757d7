"""A group whose commands are imported when they are used, so that the command line starts fast."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import click

from ratchet_core.cli.invocation import SharedGroup

#: Finds the commands of plugins: a function from the context to commands by name.
_PLUGINS: Final = "ratchet_core.cli.plugin_command:plugin_commands"


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and what the list of commands says about it."""

    target: str  #: `module:attribute`
    summary: str  #: one line
    section: str  #: heading in the list of commands
    hidden: bool = False  #: left out of the list


class LazyGroup(SharedGroup):
    """Our own commands by their place, and those of plugins.

    Plugins are loaded only where no command of ours is meant: for the list, and for other names.

    Args:
        lazy: our commands by name, in the order of the list.
    """

    hides_shared: ClassVar[bool] = False

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, ours first."""
        return [*self.lazy, *self._plugin_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        place = self.lazy.get(cmd_name)
        if place is not None:
            found: click.Command = _load(place.target)
            return found
        return self._plugin_commands(ctx).get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing ours."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, place in self.lazy.items():
            if not place.hidden:
                sections.setdefault(place.section, []).append((name, place.summary))
        for name, command in self._plugin_commands(ctx).items():
            line = (name, command.get_short_help_str(limit=80))
            sections.setdefault("From plugins", []).append(line)
        for title, lines in sections.items():
            with formatter.section(title):
                formatter.write_dl(lines)

    def _plugin_commands(self, ctx: click.Context) -> dict[str, click.Command]:
        if "plugin_commands" not in ctx.meta:
            offered: dict[str, click.Command] = _load(_PLUGINS)(ctx, frozenset(self.lazy))
            ctx.meta["plugin_commands"] = offered
        found: dict[str, click.Command] = ctx.meta["plugin_commands"]
        return found


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    if module not in sys.modules:
        with _uncollected():
            importlib.import_module(module)
    return getattr(sys.modules[module], attribute)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away from imports, and from what they have made.

    Imports make much that stays and hardly any garbage. The collector would look through all of it
    again and again, for up to a quarter of the time that a command takes to start.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if is_collecting:
            gc.enable()
