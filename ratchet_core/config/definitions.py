"""Settings of where workflow definitions and plugins come from.

Only declarations; reading a definition is `registry`'s affair, loading a plugin that of `hooks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from ratchet_core.config.setting import setting

_NOTHING: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source of definitions (an item of `registry.sources`)."""

    name: str  #: unique
    uri: str  #: `file://` and a directory, or a plain path; others are kept, not loaded
    kind: Literal["filesystem", "http", "git"] = "filesystem"  #: key `source_type`, else by URI
    enabled: bool = True  #: whether it is loaded
    watch: bool | None = None  #: reload on change; None: in `ratchet up` only
    debounce_s: float = 0.5  #: quiet time after a change before files are read again
    ignore_patterns: tuple[str, ...] = ("*.tmp", "*.swp", ".git/**", ".DS_Store")  #: not watched

    @property
    def directory(self) -> Path | None:
        """The directory, zip or file that holds the definitions; None for other kinds."""
        if self.kind != "filesystem":
            return None
        return Path(self.uri.removeprefix("file://"))


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """Where definitions come from."""

    paths: tuple[Path, ...] = setting(
        "Directories, zip files or scripts with definitions; colon-separated in the environment.",
        "registry.paths",
        default=(),
        env=("RATCHET_PATH",),
        separator=":",
    )
    sources: tuple[SourceSettings, ...] = setting(
        "Named sources: `name`, `uri` (`file://…`), `source_type`, `enabled`, and under `config`"
        " `watch`, `debounce_ms`, `ignore_patterns`. Only files are loaded, no http or git.",
        "registry.sources",
        default=(),
        in_environment=False,
    )
    poll_interval_s: float = setting(
        "Seconds between two looks for changed files while they are watched.",
        "registry.default_polling_interval",
        default=1.0,
        env=("RATCHET_REGISTRY_POLL_INTERVAL",),
        at_least=0.1,
        at_most=86_400,
    )

    @property
    def directories(self) -> tuple[Path, ...]:
        """Every enabled place with definitions: `paths`, then file sources, without doubles."""
        named = (s.directory for s in self.sources if s.enabled)
        return tuple(dict.fromkeys([*self.paths, *(d for d in named if d is not None)]))


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """Which plugins are loaded, and what each is told."""

    allow: tuple[str, ...] = setting(
        "If set, the only plugins that are loaded.",
        "plugins.allow",
        default=(),
    )
    deny: tuple[str, ...] = setting(
        "Plugins that are not loaded.",
        "plugins.deny",
        default=(),
    )
    strict: bool = setting(
        "Whether a plugin that fails to load keeps Ratchet from starting; else it is quarantined.",
        "plugins.strict",
        default=False,
    )
    safe_mode: bool = setting(
        "Whether only plugins that come with Ratchet are loaded: to start in spite of one that"
        " breaks everything.",
        "plugins.safe_mode",
        default=False,
    )
    directory: Path | None = setting(
        "Folder whose Python files are plugins, one file each. `ratchet up` takes `./plugins`"
        " where it is not set; the others take none.",
        "plugins.directory",
        default=None,
    )
    load_budget_s: float = setting(
        "Seconds that importing a plugin, and each of its registrations, may take; then it is"
        " quarantined.",
        "plugins.load_budget",
        default=30.0,
        at_least=0.01,
        at_most=3600,
    )
    call_budget_s: float = setting(
        "Seconds that a call of a plugin's `before`, `decide` or `on` hook may take; while one"
        " takes longer, the plugin is skipped.",
        "plugins.call_budget",
        default=5.0,
        at_least=0.001,
        at_most=3600,
    )
    settings: Mapping[str, Mapping[str, Any]] = setting(
        "Settings of each plugin by its name (lower case, dashes); the plugin checks them. In the"
        " environment: `RATCHET_PLUGIN_<NAME>__<KEY>`.",
        "plugins.settings",
        default=_NOTHING,
        factory=lambda: _NOTHING,
        in_environment=False,
        default_text="none",
    )

    def of(self, plugin: str) -> Mapping[str, Any]:
        """Return the settings given for one plugin, which may be none."""
        return self.settings.get(plugin_name(plugin), {})


def plugin_name(spelled: str) -> str:
    """Return the one spelling of a plugin's name: lower case, dashes, no `ratchet-` in front."""
    return spelled.lower().replace("_", "-").removeprefix("ratchet-")
