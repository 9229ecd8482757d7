"""The settings as people may see them: nested, JSON-like, every secret masked."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from ratchet_core.config.catalogue import Entry, entries
from ratchet_core.config.load import LoadedSettings
from ratchet_core.config.settings import Settings
from ratchet_core.redaction import MASK, redact


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """One line of `ratchet config show`."""

    path: str  #: below `Settings`
    key: str  #: the key to write in the file
    value: object  #: JSON-like, masked
    source: str  #: `default`, `file:line`, `environment variable NAME` or `override`


def describe(settings: Settings) -> dict[str, Any]:
    """Return the settings as a nested mapping that JSON can hold, secrets masked."""
    described: dict[str, Any] = {}
    for entry in entries():
        *groups, name = entry.path.split(".")
        target = described
        for group in groups:
            target = target.setdefault(group, {})
        target[name] = shown_value(entry, settings)
    return described


def explain(loaded: LoadedSettings) -> tuple[Shown, ...]:
    """Return every setting with its masked value and where that came from."""
    return tuple(
        Shown(
            entry.path,
            entry.setting.keys[0],
            shown_value(entry, loaded.settings),
            loaded.source_of(entry.path),
        )
        for entry in entries()
    )


def shown_value(entry: Entry, settings: Settings) -> object:
    """Return the value of one setting, JSON-like and masked."""
    value: object = settings
    for name in entry.path.split("."):
        value = getattr(value, name)
    return _shown(value, "")


def _shown(value: object, name: str) -> object:
    if isinstance(value, str):
        text = re.sub(r"([?&](?:password|sslpassword)=)[^&]*", rf"\1{MASK}", value)
        return redact(text, name)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _shown(getattr(value, field.name), field.name) for field in fields}
    if isinstance(value, tuple | list):
        return [_shown(item, "") for item in value]
    return redact(value, name)
