"""Making a runtime for a command: over the stored data, or only for the definitions of paths."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ratchet_core.cli.invocation import Invocation
from ratchet_core.cli.start import make_data_dir
from ratchet_core.config import Settings
from ratchet_core.config.definitions import RegistrySettings
from ratchet_core.config.settings import default_database_url
from ratchet_core.registry.found import Loaded
from ratchet_core.registry.loader import load_definitions
from ratchet_core.runtime import Ratchet


@contextlib.contextmanager
def opened(invocation: Invocation, settings: Settings) -> Iterator[Ratchet]:
    """Give a runtime over the database of the settings, whatever its schema."""
    make_data_dir(settings)
    runtime = Ratchet(settings, invocation.environ)
    try:
        yield runtime
    finally:
        runtime.close()


@contextlib.contextmanager
def opened_stored(invocation: Invocation) -> Iterator[Ratchet]:
    """Give a runtime over a database whose schema is today's.

    Raises:
        Unavailable: it is not, or the database does not answer.
    """
    with opened(invocation, invocation.load().settings) as runtime:
        runtime.check_schema()
        yield runtime


@contextlib.contextmanager
def scratch(settings: Settings) -> Iterator[Settings]:
    """Give the settings with state of their own, which is removed at the end: nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="ratchet-") as folder:
        yield dataclasses.replace(
            settings,
            data_dir=Path(folder),
            database=dataclasses.replace(settings.database, url=default_database_url(Path(folder))),
            redis=dataclasses.replace(settings.redis, url=None),
        )


@contextlib.contextmanager
def opened_paths(
    invocation: Invocation, settings: Settings, paths: Sequence[Path]
) -> Iterator[tuple[Ratchet, Loaded]]:
    """Give a runtime that knows the code beside the paths, and what the paths define."""
    folders = tuple(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))
    registry = RegistrySettings(paths=folders, poll_interval_s=settings.registry.poll_interval_s)
    runtime = Ratchet(dataclasses.replace(settings, registry=registry), invocation.environ)
    try:
        loaded = load_definitions(paths, settings.environment, runtime.environ, runtime.handlers)
        yield runtime, loaded
    finally:
        runtime.close()
