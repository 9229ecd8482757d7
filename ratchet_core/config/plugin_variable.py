"""Environment variables that are settings of plugins: `RATCHET_PLUGIN_<NAME>__<KEY>`.

What the keys mean is known to the plugin alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.config.definitions import plugin_name
from ratchet_core.config.document import scalar_of_text
from ratchet_core.config.place import Place

PREFIX: Final = "RATCHET_PLUGIN_"
PATH: Final = "plugins.settings"


@dataclass(frozen=True, slots=True)
class PluginVariable:
    """One such variable."""

    plugin: str  #: in its one spelling
    keys: tuple[str, ...]  #: from the outermost in, lower case
    text: str
    place: Place


def find_plugin_variables(environ: Mapping[str, str]) -> Iterator[PluginVariable]:
    """Yield every well-formed variable in the order of names, so outer keys come first."""
    for name in sorted(environ):
        if is_plugin_variable(name):
            plugin, *keys = name.removeprefix(PREFIX).split("__")
            path = (plugin_name(plugin), *(key.lower() for key in keys))
            place = Place(f"environment variable {name}", ".".join((PATH, *path)))
            yield PluginVariable(path[0], path[1:], environ[name], place)


def is_plugin_variable(name: str) -> bool:
    """Say whether a variable is a setting of a plugin."""
    parts = name.removeprefix(PREFIX).split("__")
    return name.startswith(PREFIX) and len(parts) > 1 and all(parts)


def merge(given: dict[str, dict[str, Any]], variable: PluginVariable) -> None:
    """Put the value of a variable into the settings of its plugin.

    Raises:
        ConfigurationError: a key on the way holds a value that is no mapping.
    """
    target = given.setdefault(variable.plugin, {})
    for key in variable.keys[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise variable.place.refuse(f"'{key}' already holds a value that is no mapping")
    target[variable.keys[-1]] = scalar_of_text(variable.text)
