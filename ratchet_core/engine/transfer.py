"""Export and import of runs: JSON lines, one row each, that end every run with a line of its own.

A run without its end was torn off by a crash; it is not imported, and the run is still where it
was exported from: nothing is deleted before its end is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from ratchet_core.errors import ConfigurationError
from ratchet_core.store import prune, transfer
from ratchet_core.store.database import Database, Tx

FORMAT: Final = "ratchet-export"
VERSION: Final = 1
_LONGEST_LINE: Final = 64 * 1024 * 1024


class ExportFile:
    """Writes runs to one file, which is made with the first of them; used as a context.

    Args:
        database: where from.
        path: of the file; one that exists is not touched.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self.path = path
        self.runs = 0  #: that were written
        self._file: IO[bytes] | None = None
        self._definitions: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, run_ids: Sequence[str]) -> None:
        """Write runs with everything that belongs to them; on return they are on the disk.

        Raises:
            OSError: they are not.
        """
        file = self._file or self._opened()
        for run_id in run_ids:
            self._write_run(file, run_id)
        file.flush()
        os.fsync(file.fileno())

    def _opened(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = file = os.fdopen(descriptor, "wb")
        file.write(_line({"format": FORMAT, "version": VERSION}))
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name of the file, too, must be on the disk
        finally:
            os.close(folder)
        return file

    def _write_run(self, file: IO[bytes], run_id: str) -> None:
        count = 0
        for table, row in transfer.rows_of(self._database, run_id):
            if count == 0:
                self._write_definition(file, row["snapshot_id"])
            file.write(_line({"table": table, "row": row}))
            count += 1
        if count:
            file.write(_line({"end": run_id, "rows": count}))
            self.runs += 1

    def _write_definition(self, file: IO[bytes], snapshot_id: str) -> None:
        if snapshot_id not in self._definitions:
            self._definitions.add(snapshot_id)
            for table, row in transfer.definition_of(self._database, snapshot_id):
                file.write(_line({"table": table, "row": row}))


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    runs: int = 0  #: that are new
    known: int = 0  #: that were there already
    torn: int = 0  #: without their end, or without rows of theirs
    refused: list[tuple[str, str]] = field(default_factory=list)  #: run id and the reason


def import_runs(database: Database, lines: Iterable[bytes], name: str) -> Imported:
    """Store the runs of an export that are not there; each in a transaction of its own.

    Args:
        database: where to.
        lines: of the export.
        name: of the export, for errors.

    Raises:
        ConfigurationError: this is no export, or one of another version.
    """
    importing = _Importing(database, name)
    for number, line in enumerate(lines, 1):
        importing.take(number, line)
    importing.finish()
    return importing.done


class _Importing:
    """One import under way: rows are gathered until their run ends."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._run: transfer.Row | None = None
        self._children: list[tuple[str, transfer.Row]] = []
        self._workflows: dict[str, transfer.Row] = {}
        self._versions: dict[str, transfer.Row] = {}
        self._is_headed = False
        self.done = Imported()

    def take(self, number: int, line: bytes) -> None:
        """Take one line."""
        try:
            item = orjson.loads(line)
        except orjson.JSONDecodeError:
            if not self._is_headed or line.endswith(b"\n"):
                raise self._refusal(number, "is no JSON") from None
            return  # the last line, torn by a crash: its run has no end
        if not isinstance(item, dict):
            raise self._refusal(number, "is no JSON object")
        if not self._is_headed:
            self._check_head(number, item)
        elif "end" in item:
            self._end(item)
        else:
            self._take_row(number, item)

    def finish(self) -> None:
        """Count a run that the export has lost the end of."""
        if self._run is not None:
            self._tear()

    def _check_head(self, number: int, item: transfer.Row) -> None:
        if item.get("format") != FORMAT:
            raise self._refusal(number, f'must be {{"format":"{FORMAT}",…}}: this is no export')
        if item.get("version") != VERSION:
            raise self._refusal(number, f"has a version that is not {VERSION}")
        self._is_headed = True

    def _take_row(self, number: int, item: transfer.Row) -> None:
        table, row = item.get("table"), item.get("row")
        if table not in transfer.tables() or not isinstance(row, dict):
            raise self._refusal(number, "must have `table` with a table of runs, and `row`")
        unknown = sorted(set(row) - transfer.columns_of(table))
        if unknown:
            reason = f"has the column '{unknown[0]}' of {table}, which this version does not know"
            raise self._refusal(number, reason)
        if table == "workflows":
            self._workflows[str(row.get("id"))] = row
        elif table == "snapshots":
            self._versions[str(row.get("id"))] = row
        elif table == "runs":
            if self._run is not None:
                self._tear()
            self._run = row
        elif self._run is not None and row.get("run_id") == self._run.get("id"):
            self._children.append((table, row))
        else:
            raise self._refusal(number, f"is a row of {table} that belongs to no run before it")

    def _end(self, item: transfer.Row) -> None:
        run, children = self._run, self._children
        self._run, self._children = None, []
        if run is None or item["end"] != run.get("id") or item.get("rows") != len(children) + 1:
            self.done.torn += 1
            return
        if run.get("completed_at") is None:
            self.done.refused.append((str(run["id"]), "it has not ended"))
            return
        try:
            is_new = self._database.transact(
                lambda tx: self._store(tx, run, children), durable=False, polite=True
            )
        except transfer.RowsRefused as refusal:
            self.done.refused.append((str(run["id"]), str(refusal)))
            return
        self.done.runs += is_new
        self.done.known += not is_new

    def _store(
        self, tx: Tx, run: transfer.Row, children: Sequence[tuple[str, transfer.Row]]
    ) -> bool:
        if prune.exist(tx, [run["id"]]):
            return False
        version = self._versions.get(run.get("snapshot_id", ""))
        owner = None if version is None else self._workflows.get(version.get("workflow_id", ""))
        if version is None or owner is None:
            message = "the export does not hold the version that it was made of"
            raise transfer.RowsRefused(message)
        transfer.add_definition(tx, owner, version)
        known = transfer.workflow_of(tx, owner["namespace"], owner["name"])
        transfer.add_run(tx, {**run, "workflow_id": known}, children)
        return True

    def _tear(self) -> None:
        self._run, self._children = None, []
        self.done.torn += 1

    def _refusal(self, number: int, reason: str) -> ConfigurationError:
        return ConfigurationError(f"{self._name}, line {number}: {reason}")


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file.

    Raises:
        ConfigurationError: it cannot be read, or a line is longer than any export's.
    """
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    message = f"{path}: a line is longer than {_LONGEST_LINE} bytes"
                    raise ConfigurationError(message)
                yield line
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from None


def _line(item: dict[str, Any]) -> bytes:
    return orjson.dumps(item) + b"\n"
