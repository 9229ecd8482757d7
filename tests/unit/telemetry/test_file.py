"""Tests of the log file: rotation by size, several writers, files that are moved away."""

from __future__ import annotations

import gzip
import logging
import multiprocessing
from pathlib import Path

import pytest

from ratchet_core.errors import ConfigurationError
from ratchet_core.telemetry.file import FileTarget


def record(message: str) -> logging.LogRecord:
    """Return a record with this message."""
    return logging.makeLogRecord({"msg": message, "levelno": logging.INFO})


def write(path: Path, messages: list[str], **options: int | bool) -> None:
    """Write messages to a target and close it."""
    target = FileTarget(path, **options)  # type: ignore[arg-type]
    for message in messages:
        target.handle(record(message))
    target.close()


def test_lines_are_appended_and_directories_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "ratchet.log"

    write(path, ["one"])
    write(path, ["two", "h\ud800lf"])

    assert path.read_text() == "one\ntwo\nh\\ud800lf\n"


def test_a_file_is_rotated_when_the_next_line_would_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "r.log"

    write(path, [f"line {n}" for n in range(6)], max_size_bytes=14, max_files=2)

    assert path.read_text() == "line 4\nline 5\n"
    assert (tmp_path / "r.log.1").read_text() == "line 2\nline 3\n"
    assert (tmp_path / "r.log.2").read_text() == "line 0\nline 1\n"
    write(path, ["line 6"], max_size_bytes=14, max_files=2)
    assert (tmp_path / "r.log.2").read_text() == "line 2\nline 3\n"
    assert not (tmp_path / "r.log.3").exists()


def test_a_line_longer_than_the_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r.log"

    write(path, ["a", "x" * 50, "b"], max_size_bytes=10, max_files=5)

    assert path.read_text() == "b\n"
    assert (tmp_path / "r.log.1").read_text() == "x" * 50 + "\n"
    assert (tmp_path / "r.log.2").read_text() == "a\n"


def test_rotated_files_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "r.log"

    write(path, ["one", "two", "three"], max_size_bytes=4, max_files=2, compress=True)

    assert gzip.decompress((tmp_path / "r.log.1.gz").read_bytes()) == b"two\n"
    assert gzip.decompress((tmp_path / "r.log.2.gz").read_bytes()) == b"one\n"
    assert path.read_text() == "three\n"


def test_without_kept_files_the_old_one_goes(tmp_path: Path) -> None:
    path = tmp_path / "r.log"

    write(path, ["one", "two"], max_size_bytes=4, max_files=0)

    assert path.read_text() == "two\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.log", "r.log.lock"]


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "r.log"
    target = FileTarget(path)
    target.handle(record("one"))

    path.rename(tmp_path / "moved")
    target.handle(record("two"))
    target.close()

    assert (tmp_path / "moved").read_text() == "one\n"
    assert path.read_text() == "two\n"


def test_processes_that_rotate_the_same_file_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "r.log"
    context = multiprocessing.get_context("spawn")
    options = {"max_size_bytes": 2000, "max_files": 1000}
    writers = [
        context.Process(target=write, args=(path, [f"{w}-{n}" for n in range(500)]), kwargs=options)
        for w in range(3)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(50)

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = [
        line
        for file in tmp_path.iterdir()
        if file.suffix != ".lock"
        for line in file.read_text().splitlines()
    ]
    assert sorted(found) == sorted(f"{w}-{n}" for w in range(3) for n in range(500))
    assert len(list(tmp_path.iterdir())) > 3


def test_a_file_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: Is a directory"):
        FileTarget(tmp_path)
