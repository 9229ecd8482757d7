"""Loading the plugins that the settings and the switches of this host allow.

`ratchet plugins disable` switches a plugin off on this host: a file in the data directory, read
whenever a process starts. Where the same is to hold on many hosts, `plugins.deny` says it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import orjson

from ratchet_core.config import Settings
from ratchet_core.errors import ConfigurationError
from ratchet_core.hooks import GivenPlugin, Hooks, LoadOptions, load_plugins

_FILE: Final = "plugins.json"


def make_hooks(
    settings: Settings, found: Iterable[EntryPoint | GivenPlugin] | None = None
) -> Hooks:
    """Load the plugins; nothing but their modules and settings is touched yet.

    Args:
        settings: which of them may be loaded, and what each is configured with.
        found: plugins to use in place of the installed ones.

    Raises:
        ConfigurationError: the switches of this host cannot be read.
    """
    plugins = settings.plugins
    options = LoadOptions(
        allow=plugins.allow or None,
        deny=plugins.deny,
        disabled=switched_off(settings),
        safe_mode=plugins.safe_mode,
        folder=plugins.directory,
        budget_s=plugins.load_budget_s,
    )
    manager, states = load_plugins(options, found=found)
    return Hooks(
        manager,
        states,
        strict=plugins.strict,
        settings_of=plugins.of,
        load_budget_s=plugins.load_budget_s,
        call_budget_s=plugins.call_budget_s,
    )


def switched_off(settings: Settings) -> frozenset[str]:
    """Return the plugins that are switched off on this host.

    Raises:
        ConfigurationError: the file that says so cannot be read.
    """
    path = _path(settings)
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return frozenset()
    except (OSError, orjson.JSONDecodeError) as error:
        raise _unreadable(path, str(error)) from None
    names = found.get("disabled") if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _unreadable(path, "expected an object with a list `disabled`")
    return frozenset(names)


def switch_off(settings: Settings, names: Iterable[str]) -> None:
    """Note which plugins are switched off on this host, in place of what was noted."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps({"disabled": sorted(names)}, option=orjson.OPT_INDENT_2))
    fresh.replace(path)  # a process that starts meanwhile reads the one or the other


def _path(settings: Settings) -> Path:
    return settings.data_dir / _FILE


def _unreadable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: cannot be read ({reason}); delete it, and use `ratchet plugins disable` again"
    )
