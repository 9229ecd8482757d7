"""Storing the schedules that files declare, once their workflows are stored."""

from __future__ import annotations

import logging

from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.domain.version import latest
from ratchet_core.engine.engine import Engine
from ratchet_core.registry.found import FoundDefinition, Loaded

_log = logging.getLogger(__name__)


def sync_schedules(engine: Engine, loaded: Loaded, *, replace_changed: bool) -> None:
    """Store what the latest version of each workflow declares.

    Args:
        engine: stores.
        loaded: everything that was found.
        replace_changed: False keeps what is stored where a file has changed.
    """
    versions: dict[tuple[str, str], dict[str, FoundDefinition]] = {}
    for found in loaded.definitions:
        definition = found.definition
        key = (definition.namespace, definition.name)
        versions.setdefault(key, {})[definition.version] = found
    declared: dict[str, DeclaredSchedule] = {}
    for by_version in versions.values():
        newest = latest(by_version)
        for schedule in by_version[newest].schedules if newest else ():
            declared.setdefault(str(schedule.spec.name), schedule)
    report = engine.sync_schedules(
        list(declared.values()), set(versions), replace_changed=replace_changed
    )
    for name in report.taken:
        _log.warning(
            "%s declares the schedule '%s', but another one has that name; rename one of them",
            declared[name].file,
            name,
        )
    for name in report.refused:
        _log.warning(
            "the schedule '%s' has changed in %s and keeps what is stored; "
            "`ratchet workflows sync --replace` replaces it",
            name,
            declared[name].file,
        )
