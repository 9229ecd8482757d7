"""`ratchet db`: counting, deleting, exporting, importing and checking what is stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Ended, Ratchet, document
from tests.integration.cli.filled import fill

SCRIPT = "(function (input) { console.log('seen'); return input; })"


class Stored:
    """`ratchet` over a database that holds three finished runs."""

    def __init__(self, ratchet: Ratchet, folder: Path) -> None:
        self.ratchet = ratchet
        self.path = fill(folder, "echo", SCRIPT, [1, 2, 3])

    def __call__(self, *arguments: str) -> Ended:
        return self.ratchet(*arguments, RATCHET_DATABASE_URL=f"sqlite:///{self.path}")

    def change(self, statement: str) -> None:
        """Change the database behind Ratchet's back."""
        with sqlite3.connect(self.path) as connection:
            connection.execute(statement)
        connection.close()

    def runs(self) -> int:
        return int(document(self("runs", "list", "--json"))["total"])


@pytest.fixture
def stored(ratchet: Ratchet, tmp_path: Path) -> Stored:
    return Stored(ratchet, tmp_path)


def test_old_runs_are_counted_deleted_exported_and_brought_back(
    stored: Stored, tmp_path: Path
) -> None:
    stored.change("UPDATE runs SET completed_at = completed_at - 40 * 86400000000")

    counted = document(stored("db", "stats", "--json"))
    would = document(stored("db", "prune", "--dry-run", "--json"))
    young = document(stored("db", "prune", "--older-than", "41d", "--json"))
    other = document(stored("db", "prune", "--namespace", "elsewhere", "--json"))
    pruned = document(stored("db", "prune", "--export", "out", "--json"))

    assert counted["rows"]["runs"] == 3
    [due] = [item for item in counted["retention"]["due"] if item["namespace"] == "default"]
    assert (due["runs"], due["keep_days"]) == (3, 30.0)
    assert (would, young["runs"], other["runs"]) == ({"runs": 3}, 0, 0)
    assert (pruned["runs"], stored.runs()) == (2, 1)  # the newest writer stays on SQLite
    [file] = (tmp_path / "out").iterdir()
    again = document(stored("db", "import", str(file), "--json"))
    assert (again["runs"], again["refused"], stored.runs()) == (2, [], 3)
    assert document(stored("db", "check", "--json"))["is_sound"] is True


def test_finished_runs_are_exported_to_a_file_that_is_not_there_yet(
    stored: Stored, tmp_path: Path
) -> None:
    written = document(stored("db", "export", "all.jsonl", "--json"))
    again = stored("db", "export", "all.jsonl")
    known = document(stored("db", "import", "all.jsonl", "--json"))

    assert written["runs"] == 3
    assert (again.returncode, "File exists" in again.stderr) == (3, True)
    assert (known["runs"], known["known"]) == (0, 3)


def test_what_is_wrong_is_found(stored: Stored) -> None:
    stored.change("DELETE FROM steps WHERE rowid = 1")

    ended = stored("db", "check")

    assert ended.returncode == 1
    assert "its step is gone" in ended.stdout
    assert "steps_total is 1, it has 0 steps" in ended.stdout


def test_what_is_no_export_is_refused(stored: Stored, tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text("hello\n", encoding="utf-8")

    ended = stored("db", "import", "odd.jsonl")

    assert ended.returncode == 3
    assert "odd.jsonl, line 1: is no JSON" in ended.stderr


def test_totals_that_are_wrong_are_told_and_counted_anew(stored: Stored) -> None:
    stored.change("UPDATE run_counts SET number = 9 WHERE state = 'completed'")

    told = document(stored("db", "check", "--json"))
    repaired = document(stored("db", "check", "--repair", "--json"))

    assert [item["table"] for item in told["findings"]] == ["run_counts"]
    assert repaired["is_sound"] is True
    assert stored.runs() == 3
