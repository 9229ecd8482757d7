"""Exports of runs before they are deleted, and what an import brings back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from ratchet_core.domain.log import LogQuery
from ratchet_core.engine.transfer import ExportFile, Imported, import_runs, read_lines
from ratchet_core.errors import ConfigurationError
from ratchet_core.store.database import Database
from ratchet_core.store.upgrade import upgrade
from tests.contract.engine_house import House
from tests.contract.test_prune import MONTH, age, ids, left, make, prune, wrong


def test_what_an_export_holds_is_restored_by_an_import(
    house: House, tmp_path: Path, other: House
) -> None:
    old = make(house, 4)
    make(house, 1)
    age(house, ids(old), 31)
    before = {run.id: house.reads.run(run.id) for run in old}
    events = {run.id: house.events(run.id) for run in old}
    file = tmp_path / "exports" / "runs.jsonl"

    with ExportFile(house.database, file) as export:
        pruned = prune(house, MONTH, export)
    assert (pruned.runs, export.runs) == (4, 4)
    assert left(house).isdisjoint(before)
    again = import_runs(house.database, read_lines(file), "runs.jsonl")
    elsewhere = import_runs(other.database, read_lines(file), "runs.jsonl")
    twice = import_runs(house.database, read_lines(file), "runs.jsonl")

    assert (again.runs, elsewhere.runs, twice.runs, twice.known) == (4, 4, 0, 4)
    assert (again.refused, again.torn) == ([], 0)
    for run_id, view in before.items():
        assert house.reads.run(run_id) == view
        assert house.events(run_id) == events[run_id] == other.events(run_id)
        assert house.states(run_id) == other.states(run_id)
        lines = house.reads.logs.page(LogQuery(run_id=run_id), 100).items
        assert [line.message for line in lines] == ["line", "ünï"]
    assert (wrong(house), wrong(other)) == ([], [])
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def other(tmp_path: Path) -> House:
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(database)
    return House(database)


def test_nothing_is_deleted_where_the_export_cannot_be_written(
    house: House, tmp_path: Path
) -> None:
    runs = make(house, 2)
    make(house, 1)
    age(house, ids(runs), 31)
    (tmp_path / "taken.jsonl").touch()

    with (
        pytest.raises(FileExistsError),
        ExportFile(house.database, tmp_path / "taken.jsonl") as export,
    ):
        prune(house, MONTH, export)

    assert set(ids(runs)) <= left(house)


@pytest.fixture
def exported(house: House, tmp_path: Path) -> list[bytes]:
    """Return the lines of an export of two runs."""
    runs = make(house, 2)
    with ExportFile(house.database, tmp_path / "runs.jsonl") as export:
        export.write(ids(runs))
    return list(read_lines(tmp_path / "runs.jsonl"))


def test_a_torn_export_gives_its_whole_runs(exported: list[bytes], other: House) -> None:
    last = exported[-1]
    for lines in (exported[:-1], [*exported[:-1], last[: len(last) // 2]]):
        done = import_runs(other.database, lines, "torn")
        assert done.torn == 1
        assert done.runs + done.known == 1


def test_a_line_that_is_missing_is_noticed(exported: list[bytes], other: House) -> None:
    at = next(n for n, line in enumerate(exported) if b'"table":"steps"' in line)

    done = import_runs(other.database, exported[:at] + exported[at + 1 :], "torn")

    assert (done.runs, done.torn) == (1, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: [b"{}\n", *lines[1:]], "line 1: must be"),
        (lambda lines: [b"nonsense"], "line 1: is no JSON"),
        (lambda lines: [lines[0], b"{,}\n"], "line 2: is no JSON"),
        (lambda lines: [lines[0], b"[]\n"], "line 2: is no JSON object"),
        (lambda lines: [lines[0].replace(b"1", b"9")], "line 1: has a version that is not 1"),
        (
            lambda lines: [lines[0], b'{"table":"api_keys","row":{}}\n'],
            "line 2: must have `table` with a table of runs",
        ),
        (
            lambda lines: [lines[0], b'{"table":"runs","row":{"odd":1}}\n'],
            "line 2: has the column 'odd' of runs",
        ),
        (
            lambda lines: [lines[0], b'{"table":"steps","row":{"run_id":"x"}}\n'],
            "line 2: is a row of steps that belongs to no run before it",
        ),
    ],
)
def test_what_is_no_export_is_refused_with_its_line(
    exported: list[bytes],
    other: House,
    change: Callable[[list[bytes]], list[bytes]],
    reason: str,
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        import_runs(other.database, change(exported), "given.jsonl")

    assert reason in refused.value.message
    assert refused.value.message.startswith("given.jsonl, ")
    assert wrong(other) == []


def test_a_run_that_cannot_be_stored_is_named_and_the_others_come(
    exported: list[bytes], other: House
) -> None:
    changed = []
    for line, is_first in zip(exported, [True, *[False] * len(exported)], strict=False):
        item = orjson.loads(line)
        row = item.get("row", {})
        if item.get("table") == "runs" and orjson.loads(row["input"])["number"] == 0:
            row["completed_at"] = None
        changed.append(line if is_first else orjson.dumps(item) + b"\n")

    done: Imported = import_runs(other.database, changed, "given")

    assert done.runs == 1
    [(_, reason)] = done.refused
    assert reason == "it has not ended"
