"""Putting the settings together: defaults, then the file, the environment, explicit overrides.

The environment is handed in. Every problem that is found is reported at once, each with its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ratchet_core.config.collect import Collector, SettingWarning
from ratchet_core.config.document import read_document
from ratchet_core.config.place import Place
from ratchet_core.config.settings import Settings

DEFAULT_FILE: Final = "ratchet.yaml"


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and how they came about."""

    settings: Settings
    warnings: tuple[SettingWarning, ...]  #: in the order of discovery; for the caller to log
    #: place of each setting that is not a default, by its path below `Settings`
    sources: Mapping[str, Place]
    file: Path | None  #: the configuration file that was read

    def source_of(self, path: str) -> str:
        """Return where a setting came from: `default`, or its place as text."""
        place = self.sources.get(path)
        if place is None:
            return "default"
        return place.source if place.line is None else f"{place.source}:{place.line}"


def find_file(
    path: Path | None, environ: Mapping[str, str], directory: Path = Path()
) -> Path | None:
    """Return the file to read: the one named, else `RATCHET_CONFIG`, else `ratchet.yaml` if any."""
    if path is not None:
        return path
    if named := environ.get("RATCHET_CONFIG", "").strip():
        return Path(named)
    default = directory / DEFAULT_FILE
    return default if default.is_file() else None


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    directory: Path = Path(),
) -> LoadedSettings:
    """Read all sources and check what they say.

    Args:
        path: the file that the user named, or None for `RATCHET_CONFIG` and `./ratchet.yaml`.
        environ: the environment, with `RATCHET_*` and what `${NAME}` in the file refers to.
        overrides: from the command line: by path below `Settings` (`server.port`) or by the key
            of the file; None as a value means "not given".
        directory: what relative database paths and `ratchet.yaml` are relative to.

    Raises:
        ConfigurationError: names every problem, one a line, with its place.
    """
    file = find_file(path, environ, directory)
    document = read_document(file, environ) if file is not None else None
    collector = Collector(directory.absolute())
    if document is not None:
        collector.take_file(document)
    collector.take_environment(environ)
    collector.take_overrides(overrides or {})
    collected = collector.finish()
    return LoadedSettings(collected.settings, collected.warnings, collected.places, file)
