"""Every rule of the architecture has a test: the page that lists them agrees with the tree."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, tree_of

PAGE = ROOT / "docs" / "explanation" / "rules.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
#: The sections of the architecture whose bullets are rules.
SECTIONS = ("## 3. Rules of the engine", "## 4. Rules of the hosting")
RULE = re.compile(r"^- \*\*(.+?)\.?\*\*", re.MULTILINE)
CITED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"^\| (?!claim \||---)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def _section(page: Path, heading: str) -> str:
    """Return what stands below a heading, up to the next of the same level."""
    text = page.read_text(encoding="utf-8")
    return text.partition(f"{heading}\n")[2].partition("\n## ")[0]


def _rows() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def _rules_of(heading: str) -> list[str]:
    return RULE.findall(_section(ARCHITECTURE, heading))


@functools.cache
def _tests_of(path: Path) -> frozenset[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree_of(path).body if isinstance(node, functions))


def test_every_test_that_a_rule_names_exists() -> None:
    cited = CITED.findall(PAGE.read_text(encoding="utf-8"))
    gone = [
        f"{path}::{name}"
        for path, name in cited
        if not (ROOT / path).is_file() or name not in _tests_of(ROOT / path)
    ]

    assert len(cited) > 50
    assert gone == []


@pytest.mark.parametrize("section", SECTIONS)
def test_every_rule_of_the_architecture_has_lines_with_tests(section: str) -> None:
    stated = _rules_of(section)
    listed = dict(
        re.findall(r"^### (.+)\n((?:(?!^#).*\n?)*)", _section(PAGE, section), re.MULTILINE)
    )

    assert len(stated) == _section(ARCHITECTURE, section).count("\n- "), "a rule without a name"
    assert stated == list(listed)
    assert [rule for rule, lines in listed.items() if not CITED.search(lines)] == []


def test_every_line_names_its_test_and_how_it_was_broken() -> None:
    bare = [
        claim for claim, test, how in _rows() if not CITED.fullmatch(test) or not how.strip(" *")
    ]

    assert bare == []
