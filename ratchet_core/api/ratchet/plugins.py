"""`/api/v1/plugins`: what is installed, what it offers, how it does, and why it is not active."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.moment import optional_millis
from ratchet_core.errors import NotFound
from ratchet_core.runtime.plugin_view import PluginView

_STATES = ("active", "disabled", "quarantined")


class PluginPlaceSchema(AnswerSchema):
    """A process in which a plugin is quarantined."""

    place = shown(fields.String, "What the process does, and where.")
    reason = shown(fields.String, "Why it is not called there.")


class PluginSchema(AnswerSchema):
    """One plugin. Counts are those of all processes of the last 24 hours."""

    name = shown(fields.String, "Of its entry point, or of its file.")
    distribution = shown(fields.String, "Name of the package; path of a one-file plugin.")
    version = shown(fields.String, "Of the package.")
    state = shown(
        fields.String,
        "The worst one of all processes that live.",
        metadata={"enum": list(_STATES)},
    )
    reason = shown(
        fields.String,
        "Why it is not active, or how the latest call of an active one failed; else null.",
        allow_none=True,
    )
    hooks = shown(fields.List, "Hooks that it implements.", fields.String())
    provides = shown(fields.List, "What it has registered.", fields.String())
    settings = shown(fields.List, "Keys of its settings; values are not shown.", fields.String())
    calls = shown(fields.Integer, "Calls of its hooks.")
    errors = shown(fields.Integer, "Calls that failed, and reasons for a quarantine.")
    overruns = shown(fields.Integer, "Calls that took longer than their budget.")
    time_spent_ms = shown(fields.Float, "Time spent in its hooks.")
    last_error = shown(fields.String, "Of its latest failed call, or null.", allow_none=True)
    last_error_at = shown(fields.DateTime, "When a process told of it.", allow_none=True)
    processes = shown(fields.Integer, "Processes that have told something.")
    quarantined_in = shown(
        fields.List, "Processes in which it is not called.", fields.Nested(PluginPlaceSchema)
    )


class PluginListSchema(AnswerSchema):
    """The plugins, by name."""

    items = shown(fields.List, "By name.", fields.Nested(PluginSchema))
    total = shown(fields.Integer, "Number of items.")


def declare_plugins(blueprint: DoorBlueprint) -> None:
    """Add the operations on plugins to `blueprint`."""

    @blueprint.operation(
        "GET", "/plugins", "listPlugins", permission="plugin:read", answers={200: PluginListSchema}
    )
    def list_plugins() -> Response:
        """List the plugins with their state, and why one is not active."""
        items = [show_plugin(view) for view in plugin_views()]
        return answer.json({"items": items, "total": len(items)})

    @blueprint.operation(
        "GET",
        "/plugins/<name>",
        "getPlugin",
        permission="plugin:read",
        answers={200: PluginSchema},
        problems=(404,),
    )
    def get_plugin(name: str) -> Response:
        """Show one plugin."""
        return answer.json(show_plugin(find_plugin(name)))


def plugin_views() -> tuple[PluginView, ...]:
    """Return the plugins, by name."""
    runtime = ratchet()
    runtime.plugins.offer(runtime.services_for)
    return runtime.plugins.views()


def find_plugin(name: str) -> PluginView:
    """Return one plugin.

    Raises:
        PluginNotFound: none of that name is installed.
    """
    for view in plugin_views():
        if view.name == name:
            return view
    raise PluginNotFound(name)


class PluginNotFound(NotFound):
    """No plugin of that name is installed."""

    code = "PLUGIN_NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"Plugin '{name[:300]}' does not exist; GET /api/v1/plugins lists them")


def show_plugin(view: PluginView) -> dict[str, Any]:
    """Return a plugin as `/api/v1` shows it."""
    return {
        "name": view.name,
        "distribution": view.distribution,
        "version": view.version,
        "state": view.state,
        "reason": view.reason or None,
        "hooks": list(view.hooks),
        "provides": list(view.provides),
        "settings": list(view.settings),
        "calls": view.calls,
        "errors": view.errors,
        "overruns": view.overruns,
        "time_spent_ms": round(view.seconds * 1000, 3),
        "last_error": view.last_error or None,
        "last_error_at": optional_millis(view.last_error_at),
        "processes": view.processes,
        "quarantined_in": [{"place": item.place, "reason": item.reason} for item in view.places],
    }
