"""Noticing changes, with time handed in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ratchet_core.registry.watch import ChangeDetector, Snapshot, take_snapshot

A, B = Path("a.yaml"), Path("b.yaml")


class Files:
    """Files whose state a test sets."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes

    def __call__(self, paths: Sequence[Path]) -> Snapshot:
        return {Path(f"{name}.yaml"): (0, size) for name, size in self.sizes.items()}


def test_nothing_is_told_while_nothing_changes() -> None:
    detector = ChangeDetector([], snapshot=Files(a=1))

    assert [detector.changed_paths(now) for now in (0, 1, 2)] == [frozenset()] * 3


def test_a_change_is_told_once_when_it_has_settled() -> None:
    files = Files(a=1, b=1)
    detector = ChangeDetector([], snapshot=files)
    files.sizes["a"] = 2

    told = [detector.changed_paths(now) for now in (10.0, 10.4, 10.5, 10.6)]

    assert told == [frozenset(), frozenset(), frozenset({A}), frozenset()]


def test_a_file_that_is_still_being_written_is_waited_for() -> None:
    files = Files(a=1)
    detector = ChangeDetector([], snapshot=files)
    told = []

    for number in range(5):
        files.sizes["a"] = number + 2
        told.append(detector.changed_paths(number * 0.4))

    assert told == [frozenset()] * 5
    assert detector.changed_paths(1.6 + 0.5) == {A}


def test_added_and_removed_files_are_told() -> None:
    files = Files(a=1)
    detector = ChangeDetector([], snapshot=files)
    files.sizes = {"b": 1}

    detector.changed_paths(0)

    assert detector.changed_paths(1) == {A, B}


def test_a_change_that_is_taken_back_is_not_told() -> None:
    files = Files(a=1)
    detector = ChangeDetector([], snapshot=files)
    files.sizes = {"a": 2}
    detector.changed_paths(0)
    files.sizes = {"a": 1}
    detector.changed_paths(0.1)

    assert detector.changed_paths(5) == frozenset()


def test_real_files_are_seen_and_ignored_ones_are_not(tmp_path: Path) -> None:
    kept = tmp_path / "deep" / "a.yaml"
    kept.parent.mkdir()
    kept.write_text("1")
    detector = ChangeDetector([tmp_path, tmp_path / "gone"])

    (tmp_path / ".hidden").write_text("1")
    (tmp_path / "a.swp").write_text("1")
    before = take_snapshot([tmp_path])
    os.utime(kept, ns=(1, 1))
    detector.changed_paths(0)

    assert list(before) == [kept]
    assert detector.changed_paths(1) == {kept}
