"""Retention as the settings say it: who deletes, and where exports go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ratchet_core.config.retention import RetentionSettings
from ratchet_core.domain.retention import Retention
from ratchet_core.engine.core import Core
from ratchet_core.engine.prune import Pruned, Pruner
from ratchet_core.engine.transfer import ExportFile


class Owner(Protocol):
    """The part of a runtime that retention uses."""

    core: Core


def retention_of(settings: RetentionSettings) -> Retention:
    """Return what the settings say."""
    return Retention(settings.keep_s, settings.keep_s_by_namespace)


@contextlib.contextmanager
def pruner(runtime: Owner, retention: Retention, export_dir: Path | None) -> Iterator[Pruner]:
    """Give what deletes, and writes to a file of its own before where exports are wanted."""
    if export_dir is None:
        yield Pruner(runtime.core, retention)
        return
    path = export_dir / export_name(datetime.now(UTC), os.getpid())
    with ExportFile(runtime.core.database, path) as export:
        yield Pruner(runtime.core, retention, export)


def export_name(now: datetime, pid: int) -> str:
    """Return a name for an export that no other process gives to one."""
    return f"runs-{now:%Y%m%dT%H%M%S%f}Z-{pid}.jsonl"


def prune_all(
    runtime: Owner,
    settings: RetentionSettings,
    wait: Callable[[float], object],
    is_asked: Callable[[], bool],
) -> Pruned:
    """Delete what is older than the settings allow, until nothing is left or somebody asks."""
    retention = retention_of(settings)
    with pruner(runtime, retention, settings.export_dir) as made:
        pruned = made.run(wait, is_asked)
        if not is_asked():
            made.delete_what_belongs_to_no_run()
    return pruned
