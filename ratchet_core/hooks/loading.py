"""Finding plugins and loading them, each behind its own wall.

A plugin is an installed package with an entry point, or one file in the plugins folder. One that
cannot be imported, asks for another version of the contract, or implements a hook that does not
exist is quarantined with the reason; the others go on.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pluggy import PluginManager

from ratchet_core.errors import PluginError
from ratchet_core.hooks import spec
from ratchet_core.hooks.api_version import api_problem
from ratchet_core.hooks.bounded import NoThread, call_bounded
from ratchet_core.hooks.state import PluginState, described
from ratchet_core.sdk.marker import API_VERSION, PROJECT

#: Packages that come from this project: the only ones that safe mode loads.
SHIPPED: Final = frozenset(
    f"ratchet-{name}"
    for name in (
        *("apikey", "filesystem", "http", "javascript", "js2py", "jwt"),
        *("kafka", "policy", "rabbitmq", "redis", "webhook"),
    )
)
#: Modules of one-file plugins are imported as members of this package.
FILES_PACKAGE: Final = "ratchet_plugin_files"
#: Names of the hooks that exist.
HOOKS: Final = tuple(name for name in vars(spec) if name.startswith("ratchet_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Which plugins are loaded."""

    allow: Collection[str] | None = None  #: the only ones that may be loaded; None allows all
    deny: Collection[str] = ()  #: that may not
    disabled: Collection[str] = ()  #: switched off by `ratchet plugins disable`
    safe_mode: bool = False  #: only those that come from this project, and no files
    folder: Path | None = None  #: where one-file plugins are
    budget_s: float = 30.0  #: seconds that an import may take


@dataclass(frozen=True, slots=True)
class GivenPlugin:
    """A plugin that is handed in and need not be installed."""

    name: str  #: as an entry point would name it
    plugin: object  #: a module, or anything else that has hook implementations


@dataclass(frozen=True, slots=True)
class _Found:
    """A plugin before it is loaded."""

    state: PluginState
    entry: EntryPoint | None = None  #: of an installed one
    file: Path | None = None  #: of a one-file one
    given: object = None  #: of one that is handed in


def load_plugins(
    options: LoadOptions | None = None, *, found: Iterable[EntryPoint | GivenPlugin] | None = None
) -> tuple[PluginManager, list[PluginState]]:
    """Load every plugin that may be loaded.

    Args:
        options: which; all installed ones by default.
        found: plugins to use in place of the installed ones.

    Returns:
        The manager with the active ones registered, and what is known of each, by name.

    Raises:
        NoThread: they could not be tried.
    """
    options = options or LoadOptions()
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(spec)
    owners: dict[str, PluginState] = {}
    chosen = tuple(entry_points(group=PROJECT) if found is None else found)
    entries = [item for item in chosen if isinstance(item, EntryPoint)]
    given = [item for item in chosen if isinstance(item, GivenPlugin)]
    for plugin in (*_installed(entries), *_given(given), *_files(options.folder)):
        state = plugin.state
        reason = _switched_off(plugin, options)
        if state.name in owners:
            _refuse_name(state, owners[state.name])
        elif reason is not None:
            state.state, state.reason = "disabled", reason
        else:
            _load(manager, plugin, options.budget_s)
        owners[state.name] = state
    return manager, list(owners.values())


def _installed(chosen: Iterable[EntryPoint]) -> Iterator[_Found]:
    for entry in sorted(chosen, key=lambda point: (point.name, point.value)):
        package = entry.dist
        state = PluginState(
            name=entry.name,
            distribution=package.name if package else "",
            version=package.version if package else "",
        )
        yield _Found(state, entry=entry)


def _given(chosen: Iterable[GivenPlugin]) -> Iterator[_Found]:
    for item in chosen:
        version = str(getattr(item.plugin, "__version__", ""))
        yield _Found(PluginState(name=item.name, version=version), given=item.plugin)


def _files(folder: Path | None) -> Iterator[_Found]:
    if folder is None or not folder.is_dir():
        return
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith(("_", ".")):
            name = file.stem.lower().replace("_", "-")
            yield _Found(PluginState(name=name, distribution=str(file)), file=file)


def _switched_off(plugin: _Found, options: LoadOptions) -> str | None:
    """Return why a plugin is not to be loaded; None where it is."""
    name = plugin.state.name
    if name in options.disabled:
        return f"switched off by `ratchet plugins disable {name}`"
    if name in options.deny:
        return "switched off by `plugins.deny`"
    if options.allow is not None and name not in options.allow:
        return "not among those of `plugins.allow`"
    if options.safe_mode and plugin.state.distribution not in SHIPPED:
        return "safe mode loads only plugins that come with Ratchet"
    return None


def _refuse_name(state: PluginState, owner: PluginState) -> None:
    """Two plugins of one name: the first one stays, the later one is known by its package too."""
    who = " ".join(part for part in (owner.distribution, owner.version) if part) or "another one"
    taken = state.name
    state.name = f"{taken} ({state.distribution or 'without a package'})"
    state.quarantine(f"the name '{taken}' is taken by {who}; uninstall or deny one of the two")


def _load(manager: PluginManager, plugin: _Found, budget_s: float) -> None:
    state = plugin.state
    try:
        module = call_bounded(lambda: _import(plugin), budget_s)
        _check(manager, module)
        manager.register(module, name=state.name)
    except (KeyboardInterrupt, NoThread):
        raise
    except PluginError as error:
        state.quarantine(error.message)
        return
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises hurts that plugin alone
        state.quarantine(f"it cannot be loaded: {type(error).__name__}: {_text(error)}")
        return
    state.module = module
    if plugin.file is not None:
        state.version = str(getattr(module, "__version__", ""))
    callers = manager.get_hookcallers(module) or []
    state.hooks = tuple(sorted(caller.name for caller in callers))


def _text(error: BaseException) -> str:
    return described("", error).partition(": ")[2]


def _import(plugin: _Found) -> Any:
    if plugin.given is not None:
        return plugin.given
    if plugin.entry is None:
        return _import_file(plugin.file or Path())
    found: Any = importlib.import_module(plugin.entry.module)
    if plugin.entry.attr:
        for part in plugin.entry.attr.split("."):
            found = getattr(found, part)
    return found


def _import_file(file: Path) -> ModuleType:
    name = f"{FILES_PACKAGE}_{file.stem}"
    specification = importlib.util.spec_from_file_location(name, file)
    if specification is None or specification.loader is None:
        raise PluginError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check(manager: PluginManager, module: object) -> None:
    """Refuse a plugin that does not fit the contract.

    Raises:
        PluginError: says why.
    """
    problem = api_problem(getattr(module, "RATCHET_API", None), API_VERSION)
    if problem is not None:
        raise PluginError(problem)
    marked = [
        (name, value, manager.parse_hookimpl_opts(module, name))
        for name, value in inspect.getmembers(module, callable)
    ]
    hooks = [(name, value, options) for name, value, options in marked if options is not None]
    unknown = sorted(name for name, _, _ in hooks if name not in HOOKS)
    if unknown:
        message = f"it implements hooks that do not exist: {', '.join(unknown)}"
        raise PluginError(f"{message}; there are {', '.join(HOOKS)}")
    for name, value, options in hooks:
        if inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
            raise PluginError(f"{name} is async; hooks are plain functions")
        if options["wrapper"] or options["hookwrapper"]:
            raise PluginError(f"{name} is a wrapper; each implementation is called alone here")
