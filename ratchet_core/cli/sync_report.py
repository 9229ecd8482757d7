"""What is said about definitions once they are read and stored."""

from __future__ import annotations

from ratchet_core.cli.output import Output
from ratchet_core.config import Settings
from ratchet_core.engine.definitions import SyncReport
from ratchet_core.errors import ConfigurationError
from ratchet_core.registry.found import Loaded


def print_sync(output: Output, loaded: Loaded, report: SyncReport) -> None:
    """Say what was stored, what was not and why; problems go to standard error."""
    for problem in loaded.problems:
        output.warn(f"{problem.message}")
    for note in loaded.notes:
        output.note(f"note: {note.message}")
    for name in report.refused:
        output.warn(
            f"{name} has changed under the same version and keeps its stored content; give it a "
            "new version, or run `ratchet workflows sync --replace`"
        )
    for name in report.deleted:
        output.note(f"note: {name} was deleted and stays so; `ratchet restore` brings it back")
    stored = f"{len(report.added)} new, {len(report.replaced)} replaced"
    output.line(f"{len(loaded.definitions)} workflow versions found, {stored}")


def refuse_broken_definitions(settings: Settings, loaded: Loaded) -> None:
    """Refuse to start with broken definitions, where `development.validate_on_startup` says so.

    Raises:
        ConfigurationError: names each problem.
    """
    if settings.development.validate_on_startup and loaded.problems:
        lines = "\n".join(problem.message for problem in loaded.problems)
        message = f"development.validate_on_startup: these definitions are broken:\n{lines}"
        raise ConfigurationError(message)
