"""`ratchet plugins`: what is installed, what it offers, how it does, and switching it off."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from ratchet_core.cli.command.new import new
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.lazy import LazyGroup
from ratchet_core.cli.plugin_command import refuse_taken
from ratchet_core.config import Settings
from ratchet_core.errors import PluginError, Unavailable
from ratchet_core.hooks import Hooks
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.plugin_view import PluginView, offer_all, plugin_views
from ratchet_core.runtime.plugins import make_hooks, switch_off, switched_off


@group("plugins", invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """Show the plugins, check them, and switch them off and on."""
    if context.invoked_subcommand is None:
        context.invoke(list_plugins)


@plugins.command("list")
@pass_invocation
def list_plugins(invocation: Invocation) -> None:
    """Show each plugin with its version, its state, the reason for it, and what it offers.

    Where the database answers, counts and states of all running processes are in it.
    """
    views = _views(invocation)
    if invocation.json:
        invocation.output.document({"plugins": [_document(view) for view in views]})
        return
    if not views:
        invocation.output.line("no plugin is installed")
        return
    rows = [
        (view.name, view.version, view.state, ", ".join(view.provides) or None, view.reason or None)
        for view in views
    ]
    invocation.output.table(("Plugin", "Version", "State", "Offers", "Reason"), rows)


@plugins.command("info")
@click.argument("name")
@pass_invocation
def info(invocation: Invocation, name: str) -> None:
    """Show everything that is known of the plugin NAME."""
    view = _one(invocation, name)
    if invocation.json:
        invocation.output.document(_document(view))
        return
    for key, value in _document(view).items():
        shown = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        invocation.output.line(f"{key.replace('_', ' ') + ':':<16}{_indented(shown or '-')}")


@plugins.command("check")
@click.argument("name", required=False)
@pass_invocation
def check(invocation: Invocation, name: str | None) -> int:
    """Load every plugin, or the plugin NAME, have it register everything, and say what is wrong.

    Nothing is started and no database is touched. Exit code 3 where something is wrong.
    """
    settings = invocation.load().settings
    hooks = _offered(settings)
    if name is not None:
        _known(hooks, name)
    problems = [
        f"plugin '{state.name}': {state.reason}"
        for state in hooks.plugins
        if state.state == "quarantined" and name in (None, state.name)
    ]
    if name is None:
        installed = {state.name for state in hooks.plugins}
        problems += [
            f"plugins.settings.{spelled}: no plugin of that name is installed"
            for spelled in settings.plugins.settings
            if spelled not in installed
        ]
    checked = [state.name for state in hooks.plugins if name in (None, state.name)]
    if invocation.json:
        invocation.output.document({"checked": checked, "problems": problems})
    elif problems:
        for problem in problems:
            invocation.output.line(problem)
    else:
        invocation.output.line(f"{len(checked)} plugins are in order: {', '.join(checked)}")
    return ExitCode.CONFIGURATION if problems else ExitCode.OK


@plugins.command("disable")
@click.argument("name")
@pass_invocation
def disable(invocation: Invocation, name: str) -> None:
    """Switch the plugin NAME off on this host, for processes that start from now on."""
    settings = invocation.load().settings
    _known(make_hooks(settings), name)
    switch_off(settings, switched_off(settings) | {name})
    _say(invocation, name, "off", f"plugin '{name}' is off; restart what runs to have it go")


@plugins.command("enable")
@click.argument("name")
@pass_invocation
def enable(invocation: Invocation, name: str) -> None:
    """Switch the plugin NAME on again on this host, for processes that start from now on."""
    settings = invocation.load().settings
    off = switched_off(settings)
    if name not in off:
        _known(make_hooks(settings), name)
        text = f"plugin '{name}' was not switched off by `ratchet plugins disable`"
        _say(invocation, name, "on", text)
        return
    switch_off(settings, off - {name})
    text = f"plugin '{name}' is on again; restart what runs to have it come"
    _say(invocation, name, "on", text)


plugins.add_command(new.commands["plugin"], "new")


def _say(invocation: Invocation, name: str, switch: str, text: str) -> None:
    if invocation.json:
        invocation.output.document({"name": name, "switch": switch})
    else:
        invocation.output.line(text)


def _offered(settings: Settings) -> Hooks:
    lenient = dataclasses.replace(
        settings, plugins=dataclasses.replace(settings.plugins, strict=False)
    )
    runtime = Ratchet(lenient)
    _offer(runtime)
    runtime.close()
    return runtime.hooks


def _offer(runtime: Ratchet) -> None:
    """Have every plugin register everything, and refuse commands that are named like ours."""
    offer_all(runtime.hooks, runtime.services_for)
    root = click.get_current_context().find_root().command
    own = root.lazy if isinstance(root, LazyGroup) else ()
    refuse_taken(runtime.hooks, runtime.hooks.register_commands(), own)


def _views(invocation: Invocation) -> tuple[PluginView, ...]:
    settings = invocation.load().settings
    runtime = Ratchet(settings, invocation.environ)
    _offer(runtime)
    path = runtime.database.path
    try:
        if path is not None and not Path(path).exists():
            return plugin_views(runtime.hooks.plugins, ())
        runtime.check_schema()
        return runtime.plugins.views()
    except Unavailable:
        return plugin_views(runtime.hooks.plugins, ())
    finally:
        runtime.close()


def _one(invocation: Invocation, name: str) -> PluginView:
    views = _views(invocation)
    for view in views:
        if view.name == name:
            return view
    raise _unknown(name, [view.name for view in views])


def _known(hooks: Hooks, name: str) -> None:
    names = [state.name for state in hooks.plugins]
    if name not in names:
        raise _unknown(name, names)


def _unknown(name: str, names: list[str]) -> PluginError:
    known = ", ".join(names) or "none"
    return PluginError(f"no plugin '{name}' is installed; there are: {known}")


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + " " * 16)


def _document(view: PluginView) -> dict[str, Any]:
    return {
        "name": view.name,
        "distribution": view.distribution,
        "version": view.version,
        "state": view.state,
        "reason": view.reason,
        "hooks": list(view.hooks),
        "provides": list(view.provides),
        "settings": list(view.settings),
        "calls": view.calls,
        "errors": view.errors,
        "overruns": view.overruns,
        "time_spent_ms": round(view.seconds * 1000, 3),
        "last_error": view.last_error,
        "processes": view.processes,
        "quarantined_in": [f"{item.place}: {item.reason}" for item in view.places],
    }
