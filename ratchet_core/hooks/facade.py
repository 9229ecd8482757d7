"""The typed façade: one method per hook, each with the failure policy of its kind.

Nothing else calls a hook. `register` hooks are called here, plugin by plugin, so that one that
raises is quarantined alone: pluggy itself would drop the answers of the rest. The hooks of a
run's life are in `calls`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluggy import PluginManager

from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import PluginError
from ratchet_core.hooks.bounded import NoThread, call_bounded
from ratchet_core.hooks.calls import Calls, live_calls
from ratchet_core.hooks.names import (
    clash,
    declared_name,
    handler_name,
    source_name,
)
from ratchet_core.hooks.schema import with_defaults
from ratchet_core.hooks.state import PluginState, described
from ratchet_core.sdk.authentication import Authenticator, AuthorizationCoordinator
from ratchet_core.sdk.handler import StepHandler
from ratchet_core.sdk.input import InputSource, WebhookSource
from ratchet_core.sdk.output import OutputDestination
from ratchet_core.sdk.services import PluginServices

if TYPE_CHECKING:
    import click
    from flask import Blueprint

#: Makes the services of the plugin of that name.
ServicesFor = Callable[[str], PluginServices]
#: A class that makes runs of messages: it fetches them, or is called.
SourceKind = type[InputSource | WebhookSource]
Kind = type[Any] | tuple[type[Any], ...]


class Hooks:
    """Every call of a hook goes through here.

    Args:
        manager: with the active plugins registered.
        states: what is known of each plugin; kept up to date here.
        strict: a plugin that fails to register refuses the start.
        settings_of: what is configured for a plugin; checked against its schema now.
        load_budget_s: seconds that a registration may take.
        call_budget_s: seconds that a call of another hook may take.
    """

    def __init__(
        self,
        manager: PluginManager,
        states: list[PluginState],
        *,
        strict: bool = False,
        settings_of: Callable[[str], Mapping[str, Any]] = lambda _plugin: {},
        load_budget_s: float = 30.0,
        call_budget_s: float = 5.0,
    ) -> None:
        self._manager = manager
        self._states = {state.name: state for state in states}
        self._strict = strict
        self._load_budget_s = load_budget_s
        self.call_budget_s = call_budget_s
        self._check_settings(settings_of)
        #: The hooks of a run's life.
        self.calls: Calls = live_calls(manager, states, call_budget_s)

    @property
    def plugins(self) -> tuple[PluginState, ...]:
        """What is known of each plugin, by name."""
        return tuple(self._states.values())

    def settings_of(self, plugin: str) -> Mapping[str, Any]:
        """Return the checked settings of a plugin, with its defaults."""
        state = self._states.get(plugin)
        return {} if state is None else state.settings

    def refuse_broken(self) -> None:
        """Raise where a plugin is quarantined and the configuration is strict.

        Raises:
            PluginError: names the plugin and the reason.
        """
        if not self._strict:
            return
        for state in self._states.values():
            if state.state == "quarantined":
                message = f"plugin '{state.name}' is quarantined: {state.reason}"
                raise PluginError(message)

    def register_step_handlers(self, services_for: ServicesFor) -> dict[str, StepHandler]:
        """Return the step handlers that plugins offer, by name."""
        offered = self._register("ratchet_register_step_handlers", services_for, StepHandler)
        return self._by_name(offered, "step handler", handler_name)

    def register_output_destinations(
        self, services_for: ServicesFor
    ) -> dict[str, OutputDestination]:
        """Return the kinds of output destinations that plugins offer, by name."""
        hook = "ratchet_register_output_destinations"
        offered = self._register(hook, services_for, OutputDestination)
        return self._by_name(offered, "output destination", declared_name)

    def register_input_sources(self) -> dict[str, tuple[str, SourceKind]]:
        """Return the kinds of input sources that plugins offer: name to plugin and class."""
        offered = self._register("ratchet_register_input_sources", None, type)
        table = self._by_name(offered, "input source", source_name)
        plugins = {kind: state.name for state, kinds in offered for kind in kinds}
        return {name: (plugins[kind], kind) for name, kind in table.items()}

    def register_workflows(
        self, services_for: ServicesFor
    ) -> list[tuple[str, WorkflowDefinition | Path]]:
        """Return the definitions, or paths of definitions, that plugins offer."""
        kinds = (WorkflowDefinition, Path)
        offered = self._register("ratchet_register_workflows", services_for, kinds)
        found: list[tuple[str, WorkflowDefinition | Path]] = []
        for state, items in offered:
            found += [(state.name, item) for item in items]
            state.provide(f"workflows {_title(item)}" for item in items)
        return found

    def register_authenticators(self) -> dict[str, tuple[str, type[Authenticator]]]:
        """Return the authenticators that plugins offer: name to plugin and class.

        Raises:
            PluginError: a plugin cannot say what it offers, or two offer the same name.
        """
        return self._guards("ratchet_register_authenticators", Authenticator, "authenticator")

    def register_authorization_coordinators(
        self,
    ) -> dict[str, tuple[str, type[AuthorizationCoordinator]]]:
        """Return the coordinators that plugins offer: name to plugin and class.

        Raises:
            PluginError: a plugin cannot say what it offers, or two offer the same name.
        """
        hook = "ratchet_register_authorization_coordinators"
        return self._guards(hook, AuthorizationCoordinator, "authorization coordinator")

    def register_commands(self) -> list[tuple[str, click.Command]]:
        """Return the sub-commands that plugins offer, with the plugin's name."""
        offered = self._register("ratchet_register_commands", None, _loaded("click", "Command"))
        owners = {id(item): state.name for state, items in offered for item in items}
        table = self._by_name(offered, "command", declared_name)
        return [(owners[id(item)], item) for item in table.values()]

    def register_blueprints(self, services_for: ServicesFor) -> list[tuple[str, Blueprint]]:
        """Return the routes that plugins offer, with the plugin's name."""
        kind = _loaded("flask", "Blueprint")
        offered = self._register("ratchet_register_blueprints", services_for, kind)
        return [(state.name, item) for state, items in offered for item in items]

    def quarantine(self, plugin: str, reason: str) -> None:
        """Take a plugin out of service for good, because what it offers cannot be used."""
        self._states[plugin].quarantine(reason)

    def _guards(self, hook: str, base: type[Any], noun: str) -> dict[str, tuple[str, Any]]:
        """Return what stands at the doors; anything wrong with it refuses the start."""
        table: dict[str, tuple[str, Any]] = {}
        for state, offered in self._register(hook, None, object):
            for item in offered:
                if not (isinstance(item, type) and issubclass(item, base)):
                    state.quarantine(f"it offers {type(item).__name__}, which is no {noun}")
                    raise PluginError(f"plugin '{state.name}' offers no {noun}: {item!r}")
                name = str(getattr(item, "name", ""))
                if name in table:
                    raise PluginError(
                        f"two plugins, '{table[name][0]}' and '{state.name}', offer the {noun}"
                        f" '{name}'; deny one of them"
                    )
                table[name] = (state.name, item)
            state.provide(f"{noun} {item.name}" for item in offered)
        for state in self._states.values():
            if hook in state.hooks and state.state == "quarantined":
                raise PluginError(f"plugin '{state.name}' is quarantined: {state.reason}")
        return table

    def _by_name(
        self,
        offered: list[tuple[PluginState, list[Any]]],
        noun: str,
        name_of: Callable[[Any], str | None],
    ) -> dict[str, Any]:
        """Put what plugins offer into one table; a clash quarantines the later plugin."""
        table: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for state, items in offered:
            named = [(name_of(item), item) for item in items]
            problem = clash(noun, [name for name, _ in named], owners)
            if problem:
                state.quarantine(problem)
                continue
            for name, item in named:
                table[str(name)] = item
                owners[str(name)] = state.name
            state.provide(f"{noun} {name}" for name, _ in named)
        return table

    def _check_settings(self, settings_of: Callable[[str], Mapping[str, Any]]) -> None:
        """Check what is configured for each plugin against its schema."""
        for state in self._states.values():
            given = settings_of(state.name)
            state.settings = given
            hook = "ratchet_register_settings"
            if state.state != "active" or hook not in state.hooks:
                continue
            try:
                schema = next(iter(self._call_one(state, hook, {})), None)
                state.settings = with_defaults(schema, given, f"plugins.settings.{state.name}")
            except PluginError as error:
                state.quarantine(error.message)
            except (KeyboardInterrupt, NoThread):
                raise
            except BaseException as error:  # noqa: BLE001 - hurts that plugin alone, SystemExit too
                state.quarantine(described(hook, error))

    def _register(
        self, hook: str, services_for: ServicesFor | None, kind: Kind
    ) -> list[tuple[PluginState, list[Any]]]:
        answers = []
        for state in self._states.values():
            if state.state != "active" or hook not in state.hooks:
                continue
            arguments: Mapping[str, Any] = {}
            if services_for is not None:
                arguments = {"services": services_for(state.name)}
            try:
                answer = self._call_one(state, hook, arguments)
                items = [item for part in answer for item in part]
                _check_kinds(items, kind)
            except (KeyboardInterrupt, NoThread):
                raise
            except BaseException as error:  # noqa: BLE001 - hurts that plugin alone, SystemExit too
                state.quarantine(described(hook, error))
                continue
            answers.append((state, items))
        return answers

    def _call_one(self, state: PluginState, hook: str, arguments: Mapping[str, Any]) -> list[Any]:
        """Call the implementation of one plugin; its answer, if any, is the only item."""
        others = [plugin for name, plugin in self._manager.list_name_plugin() if name != state.name]
        caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
        started = time.monotonic()
        try:
            answers: list[Any] = call_bounded(
                lambda: _drawn(caller(**arguments)), self._load_budget_s
            )
        finally:
            state.calls += 1
            state.seconds += time.monotonic() - started
        return answers


def _drawn(answers: list[Any]) -> list[Any]:
    """Draw the items out of generators, within the time of the call."""
    return [list(item) if isinstance(item, Iterator) else item for item in answers]


def _loaded(module: str, name: str) -> Kind:
    """Return a class of a library that workers do without: who offers one has imported it."""
    kind: Kind = getattr(sys.modules.get(module), name, ())
    return kind


def _title(item: WorkflowDefinition | Path) -> str:
    return str(item) if isinstance(item, Path) else item.full_name


def _check_kinds(items: list[Any], kind: Kind) -> None:
    for item in items:
        if not isinstance(item, kind):
            message = f"it returned {type(item).__name__}, not one of the documented kinds"
            raise TypeError(message)
