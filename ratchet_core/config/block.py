"""Blocks that only a file can hold: log targets, sources of definitions, settings of plugins.

Destinations have a module of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import unquote

from ratchet_core.config.coerce import (
    Check,
    as_any_text,
    as_boolean,
    as_mapping,
    as_path,
    as_text,
    choice,
    integer,
    number,
    sequence,
    shape,
)
from ratchet_core.config.definitions import SourceSettings, plugin_name
from ratchet_core.config.destination import DestinationSettings, read_destination
from ratchet_core.config.events import SubscriptionSettings, read_subscription
from ratchet_core.config.inputs import InputSourceSettings, read_input_source
from ratchet_core.config.logs import LogTargetSettings
from ratchet_core.config.place import Value
from ratchet_core.config.retention import NamespaceRetention

LEVELS: Final = ("trace", "debug", "info", "warn", "warning", "error", "critical")
_TARGET_KEYS: Final[Mapping[str, Mapping[str, Check]]] = {
    "console": {},
    "file": {
        "path": as_path,
        "max_size_bytes": integer(0, 10**12),
        "max_files": integer(0, 10_000),
        "compress": as_boolean,
    },
    "syslog": {"facility": as_text, "ident": as_text},
}
_SOURCE: Final = shape(
    {
        "name": as_text,
        "uri": as_text,
        "source_type": choice(("filesystem", "http", "git")),
        "polling_interval": number(0, 86_400),
        "enabled": as_boolean,
        "auth_name": as_text,
        "config": as_mapping,
    },
    required=("name", "uri"),
)
_WATCHING: Final = shape(
    {
        "watch": as_boolean,
        "watch_for_changes": as_boolean,
        "auto_reload": as_boolean,
        "debounce_ms": integer(0, 3_600_000),
        "ignore_patterns": sequence(as_any_text),
    },
)


def read_target(value: Value) -> LogTargetSettings:
    """Check one item of `logging.targets`."""
    kind_value = as_mapping(value).get("type")
    if kind_value is None:
        raise value.place.refuse("the key 'type' is missing; one of console, file, syslog")
    kind = choice(tuple(_TARGET_KEYS))(kind_value)
    checks = {"type": as_text, "level": choice(LEVELS), **_TARGET_KEYS[kind]}
    found = shape(checks, required=("path",) if kind == "file" else ())(value)
    del found["type"]
    return LogTargetSettings(kind=kind, **found)


def read_source(value: Value) -> SourceSettings:
    """Check one item of `registry.sources`."""
    found = _SOURCE(value)
    uri: str = found["uri"]
    kind: Literal["filesystem", "http", "git"] = found.get("source_type") or _kind_of(uri)
    options = Value(dict(found.get("config", {})), value.place.under("config"))
    # how to clone or to poll over HTTP is not read: such sources are not loaded
    watching = _WATCHING(options) if kind == "filesystem" else {}
    watch = watching.get("watch", watching.get("watch_for_changes", watching.get("auto_reload")))
    source = SourceSettings(
        name=found["name"],
        uri=unquote(uri) if uri.startswith("file://") else uri,
        kind=kind,
        enabled=found.get("enabled", True),
        watch=watch,
    )
    return SourceSettings(
        name=source.name,
        uri=source.uri,
        kind=source.kind,
        enabled=source.enabled,
        watch=source.watch,
        debounce_s=watching.get("debounce_ms", source.debounce_s * 1000) / 1000,
        ignore_patterns=watching.get("ignore_patterns", source.ignore_patterns),
    )


def _kind_of(uri: str) -> Literal["filesystem", "http", "git"]:
    if uri.startswith(("git://", "ssh://", "git@")) or uri.endswith(".git"):
        return "git"
    if uri.startswith(("http://", "https://")):
        return "http"
    return "filesystem"


def read_plugin_settings(value: Value) -> Mapping[str, Mapping[str, Any]]:
    """Check `plugins.settings`: a mapping by plugin; what is in each its plugin checks."""
    found: dict[str, Mapping[str, Any]] = {}
    for spelled, item in as_mapping(value).items():
        name = plugin_name(spelled)
        if name in found:
            raise item.place.refuse(f"the plugin '{name}' stands twice, spelled differently")
        found[name] = {key: below.plain() for key, below in as_mapping(item).items()}
    return MappingProxyType(found)


_RETENTION: Final = shape(
    {"namespace": as_text, "keep_days": number(0, 36_525)}, required=("namespace", "keep_days")
)


def read_retention(value: Value) -> NamespaceRetention:
    """Check one item of `retention.namespaces`."""
    return NamespaceRetention(**_RETENTION(value))


BLOCKS: Final[Mapping[type, Check]] = {
    DestinationSettings: read_destination,
    InputSourceSettings: read_input_source,
    LogTargetSettings: read_target,
    NamespaceRetention: read_retention,
    SourceSettings: read_source,
    SubscriptionSettings: read_subscription,
}
