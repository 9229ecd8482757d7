"""`ratchet db`: the schema of the database, what it holds, and old runs on their way out and in."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from ratchet_core.cli.duration import read_duration
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened, opened_stored
from ratchet_core.config import Settings
from ratchet_core.domain.retention import Retention
from ratchet_core.engine.transfer import ExportFile, import_runs, read_lines
from ratchet_core.errors import ConfigurationError
from ratchet_core.redaction import mask_text
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.retention import pruner, retention_of
from ratchet_core.store import prune as stored
from ratchet_core.store.check import findings, repair_totals
from ratchet_core.store.database import Tx
from ratchet_core.store.upgrade import current, head

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_READABLE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
#: Runs that are exported at once.
_TOGETHER: Final = 100
#: Findings that are shown to people one by one.
_SHOWN: Final = 50
_OLDER = click.option(
    "--older-than",
    callback=read_duration,
    metavar="DURATION",
    help="Runs that ended so long ago, such as 30d; else as the configuration says.",
)
_NAMESPACE = click.option("--namespace", help="Only runs of this namespace.")


@group("db")
def db() -> None:
    """Upgrade and check the database; count, delete, export and import what it holds."""


@db.command("upgrade")
@pass_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring the database to the schema of this version; safe to repeat, and by several at once."""
    settings = invocation.load().settings
    with opened(invocation, settings) as runtime:
        before = current(runtime.database)
        revision = runtime.upgrade_database()
    if invocation.json:
        document = {"database": _place(settings), "before": before, "revision": revision}
        invocation.output.document(document)
        return
    done = "is at" if before == revision else f"was upgraded from {before or 'nothing'} to"
    invocation.output.line(f"{_place(settings)} {done} schema {revision}")


@db.command("status")
@pass_invocation
def status(invocation: Invocation) -> ExitCode:
    """Show the schema of the database and that of this version; exit code 1 where they differ."""
    settings = invocation.load().settings
    with opened(invocation, settings) as runtime:
        found = current(runtime.database)
    is_current = found == head()
    if invocation.json:
        document = {
            "database": _place(settings),
            "revision": found,
            "needed": head(),
            "is_current": is_current,
        }
        invocation.output.document(document)
    else:
        invocation.output.line(f"database: {_place(settings)}")
        invocation.output.line(f"schema:   {found or 'none'}")
        invocation.output.line(f"needed:   {head()}")
        if not is_current:
            invocation.output.note("run `ratchet db upgrade`")
    return ExitCode.OK if is_current else ExitCode.FAILED


@db.command("stats")
@pass_invocation
def stats(invocation: Invocation) -> None:
    """Show how many rows each table has, how large the database is, and what retention will do."""
    with opened_stored(invocation) as runtime:
        settings = runtime.settings.retention
        retention = retention_of(settings)
        path = runtime.database.path
        with runtime.database.read() as tx:
            sizes = stored.sizes(tx, None if path is None else _bytes_of(path))
            due = _due(tx, retention)
    if invocation.json:
        kept = {"enabled": settings.enabled, "due": due}
        invocation.output.document({**sizes, "retention": kept})
        return
    invocation.output.table(("Table", "Rows"), sorted(sizes["rows"].items()))
    invocation.output.line(f"size: {sizes['bytes']:,} bytes")
    if sizes["free_bytes"] is not None:
        invocation.output.line(f"of these free to be used again: {sizes['free_bytes']:,} bytes")
    rows = [(item["namespace"], item["keep_days"], item["runs"]) for item in due]
    invocation.output.table(("Namespace", "Kept for days", "Runs to delete"), rows)
    if not settings.enabled:
        invocation.output.note("retention is off (retention.enabled)")


@db.command("prune")
@_OLDER
@_NAMESPACE
@click.option("--export", "folder", type=_FOLDER, help="Export them to a file here before.")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@pass_invocation
def prune(
    invocation: Invocation,
    older_than: timedelta | None,
    namespace: str | None,
    folder: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Delete finished runs now, a little at a time; others hardly notice."""
    with opened_stored(invocation) as runtime:
        retention = _chosen(runtime, older_than, namespace)
        if dry_run:
            with runtime.database.read() as tx:
                _tell(invocation, {"runs": sum(item["runs"] for item in _due(tx, retention))})
            return
        export_dir = folder or runtime.settings.retention.export_dir
        began = time.monotonic()
        try:
            with pruner(runtime, retention, export_dir) as made:
                done = made.run(time.sleep, lambda: False)
        except OSError as error:
            message = f"nothing was deleted after the export failed: {error}"
            raise ConfigurationError(message) from None
    seconds = round(time.monotonic() - began, 3)
    _tell(invocation, {"runs": done.runs, "rows": done.rows, "seconds": seconds})


@db.command("export")
@click.argument("file", type=_FILE)
@_OLDER
@_NAMESPACE
@pass_invocation
def export(
    invocation: Invocation, file: Path, older_than: timedelta | None, namespace: str | None
) -> None:
    """Write finished runs to FILE as JSON lines, with everything that belongs to them."""
    keep_s = 0.0 if older_than is None else older_than.total_seconds()
    with opened_stored(invocation) as runtime:
        try:
            with ExportFile(runtime.database, file) as out:
                for run_ids in stored.pages_of_finished(
                    runtime.database, namespace, keep_s, _TOGETHER
                ):
                    out.write(run_ids)
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    if invocation.json:
        invocation.output.document({"file": str(file), "runs": out.runs})
    else:
        invocation.output.line(f"{out.runs:,} runs were written to {file}")


@db.command("import")
@click.argument("file", type=_READABLE)
@pass_invocation
def import_command(invocation: Invocation, file: Path) -> ExitCode:
    """Bring the runs of an export back; those that are there stay as they are.

    They are as old as they were: retention deletes them again once it is due. Exit code 1 where a
    run could not be brought back.
    """
    with opened_stored(invocation) as runtime:
        done = import_runs(runtime.database, read_lines(file), str(file))
    if invocation.json:
        refused = [{"run": run_id, "reason": reason} for run_id, reason in done.refused]
        document = {**dataclasses.asdict(done), "refused": refused}
        invocation.output.document(document)
    else:
        invocation.output.line(f"{done.runs:,} runs were brought back, {done.known:,} were there")
        if done.torn:
            invocation.output.warn(f"{done.torn:,} runs lack their end and were left out")
        for run_id, reason in done.refused[:_SHOWN]:
            invocation.output.warn(f"run {run_id}: {reason}")
    return ExitCode.FAILED if done.torn or done.refused else ExitCode.OK


@db.command("check")
@click.option("--repair", is_flag=True, help="Count runs and attempts anew first.")
@pass_invocation
def check(invocation: Invocation, repair: bool) -> ExitCode:  # noqa: FBT001 - as click calls it
    """Look for rows without their owner, wrong counters and a broken audit log.

    Nothing is changed without --repair; while that counts, nobody submits and no run ends. Exit
    code 1 where something is found.
    """
    with opened_stored(invocation) as runtime:
        if repair:
            repair_totals(runtime.database)
        found = list(findings(runtime.database))
        verdict = runtime.audit.verify()
    is_sound = not found and verdict.broken_at is None
    if invocation.json:
        wrong = [dataclasses.asdict(item) for item in found]
        document = {"is_sound": is_sound, "findings": wrong, "audit": dataclasses.asdict(verdict)}
        invocation.output.document(document)
        return ExitCode.OK if is_sound else ExitCode.FAILED
    for item in found[:_SHOWN]:
        invocation.output.line(f"{item.table} {item.key}: {item.reason}", "red")
    if len(found) > _SHOWN:
        invocation.output.line(f"… and {len(found) - _SHOWN:,} more")
    if verdict.broken_at is not None:
        place = f"the audit log is broken from entry {verdict.broken_at} on"
        invocation.output.line(place, "red")
    if is_sound:
        invocation.output.line("nothing is wrong", "green")
    return ExitCode.OK if is_sound else ExitCode.FAILED


def _chosen(runtime: Ratchet, older_than: timedelta | None, namespace: str | None) -> Retention:
    """Return what is to be deleted: as the options say, else as the configuration does."""
    configured = retention_of(runtime.settings.retention)
    if older_than is None and namespace is None:
        return configured
    keep_s = None if older_than is None else older_than.total_seconds()
    if namespace is None:
        return Retention(keep_s)
    if keep_s is None:
        keep_s = configured.keep_s_of(namespace)
    return Retention(None, {namespace: keep_s})


def _due(tx: Tx, retention: Retention) -> list[dict[str, Any]]:
    """Return, by namespace, how long runs are kept and how many are older."""
    found: list[dict[str, Any]] = []
    for name in stored.namespaces(tx):
        keep_s = retention.keep_s_of(name)
        runs = 0 if keep_s is None else stored.count_finished(tx, name, keep_s)
        keep_days = None if keep_s is None else round(keep_s / 86_400, 3)
        found.append({"namespace": name, "keep_days": keep_days, "runs": runs})
    return found


def _bytes_of(path: Path) -> int:
    """Return how large SQLite's database is, with its write-ahead log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _tell(invocation: Invocation, done: dict[str, float]) -> None:
    if invocation.json:
        invocation.output.document(done)
    else:
        told = ", ".join(f"{count:,} {noun}" for noun, count in done.items())
        invocation.output.line(told)


def _place(settings: Settings) -> str:
    return mask_text(settings.database.url)
