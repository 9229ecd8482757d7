"""The changelog: fragments that towncrier understands and people can read."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.house.tree import ROOT, read_project

FOLDER = ROOT / "changelog.d"


def _kinds() -> str:
    types = read_project(ROOT)["tool"]["towncrier"]["type"]
    return "|".join(kind["directory"] for kind in types)


def _fragments() -> list[str]:
    return sorted(path.name for path in FOLDER.iterdir() if path.name != "README.md")


def test_every_fragment_is_named_for_an_issue_or_a_word_and_its_kind() -> None:
    form = re.compile(rf"(\d+|\+[a-z0-9-]+)\.({_kinds()})(\.\d+)?\.md")

    assert [name for name in _fragments() if not form.fullmatch(name)] == []


def test_every_fragment_is_whole_sentences() -> None:
    texts = {name: (FOLDER / name).read_text(encoding="utf-8").strip() for name in _fragments()}

    assert [name for name, text in texts.items() if not text.endswith((".", ".)"))] == []


def test_towncrier_makes_a_changelog_of_the_fragments() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "next"]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert "## next" in result.stdout
