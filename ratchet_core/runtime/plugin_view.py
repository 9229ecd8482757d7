"""Plugins as operators see them: what this process knows, together with what all others told."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ratchet_core.errors import PluginError, RatchetError
from ratchet_core.hooks import Hooks, PluginState
from ratchet_core.runtime.plugin_report import PluginReporter
from ratchet_core.sdk.services import PluginServices
from ratchet_core.store import plugins
from ratchet_core.store.database import Database
from ratchet_core.store.plugins import PluginReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """A process in which a plugin is not active."""

    place: str  #: what the process does, and where
    state: str  #: quarantined, mostly
    reason: str  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginView:
    """One plugin; counts are those of all processes of the last 24 hours."""

    name: str  #: of its entry point, or of its file
    distribution: str  #: name of the installed package; path of a one-file plugin
    version: str  #: of the package
    state: str  #: active, disabled, quarantined; the worst one of all processes that live
    reason: str  #: why it is not active, or how the latest call of an active one failed
    hooks: tuple[str, ...]  #: that it implements
    provides: tuple[str, ...]  #: what it has registered in this process
    settings: tuple[str, ...]  #: keys that are configured; their values may be secret
    calls: int  #: of its hooks
    errors: int  #: calls that failed
    overruns: int  #: calls that took longer than their budget
    seconds: float  #: spent in its calls
    last_error: str  #: of its latest failed call
    last_error_at: datetime | None  #: when a process told of it; None where only this one knows
    processes: int  #: that have told something
    places: tuple[PlaceView, ...]  #: where it is not active


def plugin_views(
    states: Sequence[PluginState], reports: Sequence[PluginReport]
) -> tuple[PluginView, ...]:
    """Return what is known of each plugin.

    Args:
        states: of this process. Its counts are left out where it reports them too.
        reports: of all processes.
    """
    return tuple(
        _view(state, [item for item in reports if item.plugin == state.name]) for state in states
    )


def _view(state: PluginState, told: Sequence[PluginReport]) -> PluginView:
    places = tuple(
        PlaceView(place=item.place, state=item.state, reason=item.reason)
        for item in told
        if item.is_alive and item.state == "quarantined"
    )
    shown, reason = state.state, state.reason
    if shown == "active" and places:
        shown, reason = "quarantined", f"{places[0].reason} ({places[0].place})"
    elif shown == "active":
        reason = _failure(state, told)
    failed = [item for item in told if item.last_error]
    return PluginView(
        name=state.name,
        distribution=state.distribution,
        version=state.version,
        state=shown,
        reason=reason,
        hooks=state.hooks,
        provides=tuple(state.provides),
        settings=tuple(sorted(state.settings)),
        calls=sum(item.calls for item in told),
        errors=sum(item.errors for item in told),
        overruns=sum(item.overruns for item in told),
        seconds=sum(item.seconds for item in told),
        last_error=failed[-1].last_error if failed else state.last_error,
        last_error_at=failed[-1].at if failed else None,
        processes=len(told),
        places=places,
    )


def _failure(state: PluginState, told: Sequence[PluginReport]) -> str:
    """Return how the latest call of an active plugin failed, in any process that lives."""
    failing = [item for item in told if item.is_alive and item.state == "active" and item.reason]
    return f"{failing[-1].reason} ({failing[-1].place})" if failing else state.failure()


class Plugins:
    """The plugins of one runtime, as its process knows them and as all processes tell.

    Args:
        hooks: with the plugins.
        database: where processes tell.
        notify: tells that the journal has grown.
    """

    def __init__(self, hooks: Hooks, database: Database, notify: Callable[[], None]) -> None:
        self._hooks = hooks
        self._database = database
        self._notify = notify
        self._reporter: tuple[int, PluginReporter] | None = None
        self._offering = threading.Lock()
        self._has_offered = False

    def watch(self, role: str, process: str) -> None:
        """Watch the plugins of this process from now on, and tell the others; once per process.

        Args:
            role: what the process does: `api`, `worker`, `scheduler`, …
            process: a new UUIDv7 for it.
        """
        if not self._hooks.plugins or (self._reporter and self._reporter[0] == os.getpid()):
            return
        reporter = PluginReporter(
            self._hooks, self._database, process=process, role=role, notify=self._notify
        )
        self._reporter = (os.getpid(), reporter)
        reporter.start()

    def unwatch(self) -> None:
        """Tell the last counts of this process; it is about to end."""
        if self._reporter is not None and self._reporter[0] == os.getpid():
            self._reporter[1].end()
            self._reporter = None

    def offer(self, services_for: Callable[[str], PluginServices]) -> None:
        """Have every plugin register everything, once, so that views show what it offers."""
        with self._offering:  # whoever asks meanwhile waits for the whole of it
            if not self._has_offered:
                offer_all(self._hooks, services_for)
                self._has_offered = True

    def views(self) -> tuple[PluginView, ...]:
        """Return what is known of each plugin, by name."""
        with self._database.read() as tx:
            told = plugins.reports(tx)
        return plugin_views(self._hooks.plugins, told)

    def health(self) -> tuple[bool, str]:
        """Return whether all plugins work in all processes that live, and which do not."""
        try:
            views = self.views()
        except RatchetError:
            views = plugin_views(self._hooks.plugins, ())
        named = {
            "quarantined": [view.name for view in views if view.state == "quarantined"],
            "failing": [view.name for view in views if view.state == "active" and view.reason],
        }
        told = [f"{what}: {', '.join(names)}" for what, names in named.items() if names]
        return not told, f"{'; '.join(told)}; see `ratchet plugins`" if told else "ok"


def offer_all(hooks: Hooks, services_for: Callable[[str], PluginServices]) -> None:
    """Have every plugin register everything, to see what it offers and what is wrong with it."""
    hooks.register_step_handlers(services_for)
    hooks.register_output_destinations(services_for)
    hooks.register_input_sources()
    hooks.register_workflows(services_for)
    hooks.register_commands()
    hooks.register_blueprints(services_for)
    for register in (hooks.register_authenticators, hooks.register_authorization_coordinators):
        try:
            register()
        except PluginError as error:
            _log.warning("%s", error.message)  # a start with authentication on would be refused
