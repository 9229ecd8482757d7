"""What no file of the project says: work left undone, and the places where it was written."""

from __future__ import annotations

import re

from tests.house.tree import ROOT, place, text_files

#: Joined here, so that this file does not name what it forbids.
UNDONE = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
)
WORKPLACE = re.compile(
    "|".join(
        [
            r"(?<![\w.])/wo" + r"rk/",
            r"\.libra" + r"ry\b",
            r"/tmp/" + r"(venv|brief)\b",
            r"\b(files\.python" + r"hosted\.org|registry\.npm" + r"js\.org|pypi" + r"\.org)\b",
        ]
    )
)


def _places(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in text_files():
        if path.name.startswith("constraints"):
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [place(path, n) for n, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def test_no_file_leaves_a_note_of_work_undone() -> None:
    assert _places(UNDONE) == []


def test_no_file_names_the_place_where_it_was_written() -> None:
    assert _places(WORKPLACE) == []


def test_the_constraints_name_no_registry() -> None:
    for path in ROOT.glob("constraints*.txt"):
        assert "://" not in path.read_text(encoding="utf-8"), path.name
