"""Mounting the routes that plugins offer, each behind its own wall.

They stand below `/plugins/<name of the plugin>` and are closed like every other route. One that
cannot be mounted, or that would reach beyond its own paths, costs the plugin alone.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Flask, Response

from ratchet_core.api.door.access import declare_endpoint
from ratchet_core.api.door.call import Requirement
from ratchet_core.api.door.origin import SAFE_METHODS
from ratchet_core.api.door.problem import answer_problem
from ratchet_core.api.ratchet.problem import DIALECT
from ratchet_core.errors import PluginError
from ratchet_core.hooks import PluginState
from ratchet_core.runtime import Ratchet

#: Where routes of plugins begin.
PREFIX: Final = "/plugins"


def mount_plugins(app: Flask, ratchet: Ratchet) -> None:
    """Mount the routes of every active plugin that offers some."""
    states = {state.name: state for state in ratchet.hooks.plugins}
    for plugin, blueprint in ratchet.hooks.register_blueprints(ratchet.services_for):
        state = states[plugin]
        try:
            _mount(app, state, blueprint)
        except Exception as error:  # noqa: BLE001 - a plugin's failure hurts that plugin alone
            state.quarantine(f"its routes cannot be mounted: {type(error).__name__}: {error}")


def _mount(app: Flask, state: PluginState, blueprint: Blueprint) -> None:
    prefix = f"{PREFIX}/{state.name}"

    def fail(error: Exception) -> Response:
        answer = answer_problem(error, DIALECT)
        if answer.status_code >= 500:  # noqa: PLR2004 - the statuses of failures
            state.note_error(f"a route raised {type(error).__name__}: {error}")
        return answer

    blueprint.register_error_handler(Exception, fail)
    _check_reach(blueprint, prefix)  # from here on the blueprint takes no more changes
    known = {rule.endpoint for rule in app.url_map.iter_rules()}
    app.register_blueprint(blueprint, url_prefix=prefix, name=f"plugin-{state.name}")
    writes: dict[str, bool] = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in known:
            unsafe = bool(set(rule.methods or ()) - set(SAFE_METHODS))
            writes[rule.endpoint] = writes.get(rule.endpoint, False) or unsafe
    for endpoint, is_write in writes.items():
        permission = "plugin:write" if is_write else "plugin:read"
        declare_endpoint(app, endpoint, Requirement(operation=endpoint, permission=permission))
    state.provide([f"routes {prefix}"])


def _check_reach(blueprint: Blueprint, prefix: str) -> None:
    """Mount it in an application of its own, to see what it would do to ours.

    Raises:
        PluginError: it touches requests or errors of other routes.
    """
    probe = Flask("ratchet_core.app.probe", static_folder=None)
    probe.register_blueprint(blueprint, url_prefix=prefix, name="plugin")
    everywhere = (
        probe.before_request_funcs,
        probe.after_request_funcs,
        probe.teardown_request_funcs,
        probe.url_value_preprocessors,
    )
    if any(table.get(None) for table in everywhere) or any(probe.error_handler_spec[None].values()):
        raise PluginError("it touches requests or errors of all routes; use those of the blueprint")
    strays = [str(rule) for rule in probe.url_map.iter_rules() if not str(rule).startswith(prefix)]
    if strays:
        raise PluginError(f"its routes must stand below {prefix}, not at {strays[0]}")
