"""The pages agree with the tree: links, make targets, rooms, decisions, words."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from ratchet_core.domain.states import RunState
from tests.house.test_tests import ACCEPTANCE_ITEMS
from tests.house.tree import ROOT, place, python_files, text_files
from tests.processes import RATCHET, environment

pytestmark = pytest.mark.docs

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
DECISIONS = ROOT / "docs" / "decisions"

PAGES = [path for path in text_files() if path.suffix == ".md"]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(FENCE.sub("", _read(page)))]
    local = [target for target in targets if target and "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_of_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", _read(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z]+)", _read(page), re.MULTILINE)

    assert sorted(set(named) - targets) == []


def test_every_command_of_a_page_exists(tmp_path: Path) -> None:
    named = {
        (name, str(page.relative_to(ROOT)))
        for page in PAGES
        if page.name != "decisions.md"  # describes the whole product
        for name in re.findall(r"(?:^|`|&& )ratchet ([a-z]+)", _read(page), re.MULTILINE)
    }

    shown = subprocess.run(
        [RATCHET, "--help"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert (
        sorted(use for use in named if not re.search(rf"^\W*{use[0]}\b", shown, re.MULTILINE)) == []
    )


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        links = (page.parent / link.partition("#")[0] for link in LINK.findall(_read(page)))
        waiting += {path.resolve() for path in links if path.suffix == ".md"} - reached

    assert sorted(set((ROOT / "docs").rglob("*.md")) - reached) == []


def test_every_page_and_section_that_sources_name_is_there() -> None:
    in_docs = {path.name: _read(path) for path in (ROOT / "docs").glob("*.md")}
    beside = re.compile(r"(?<![\w/.])([a-z]+\.md)(?: section (\d+)| items? \d+| [\d.]+|, )")
    by_path = re.compile(r"\bdocs/[\w/-]+\.md\b")
    absent = []
    for path in python_files():
        for number, line in enumerate(_read(path).splitlines(), 1):
            absent += [
                f"{place(path, number)} {page} {section}"
                for page, section in beside.findall(line)
                if page not in in_docs or (section and f"\n## {section}. " not in in_docs[page])
            ]
            absent += [
                f"{place(path, number)} {page}"
                for page in by_path.findall(line)
                if not (ROOT / page).is_file()
            ]

    assert absent == []


def test_the_acceptance_page_lists_the_items_that_tests_may_name() -> None:
    _, ratchet, tasker = re.split(
        r"(?m)^## (?:Ratchet|Tasker)$", _read(ROOT / "docs/acceptance.md")
    )
    numbers = {
        name: [int(number) for number in re.findall(r"(?m)^(\d+)\. ", part)]
        for name, part in (("ratchet", ratchet), ("tasker", tasker))
    }

    assert numbers == {name: list(range(1, n + 1)) for name, n in ACCEPTANCE_ITEMS.items()}


def _decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", _decisions(), ids=lambda path: path.stem)
def test_a_decision_has_the_parts_of_the_template(page: Path) -> None:
    headings = re.compile(r"^## .*$", re.MULTILINE)

    assert headings.findall(_read(page)) == headings.findall(_read(DECISIONS / "0000-template.md"))
    assert re.search(r"^- Date: (\d{4}-\d\d-\d\d|YYYY-MM-DD)$", _read(page), re.MULTILINE)


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in _decisions()] == list(range(len(_decisions())))


def test_the_glossary_explains_every_state_of_a_run() -> None:
    glossary = _read(ROOT / "docs" / "glossary.md")

    assert [state.value for state in RunState if state.value not in glossary] == []


def test_the_architecture_page_lists_the_rooms_that_are_checked() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:rooms"]["layers"]
    doors = contracts["importlinter:contract:doors"]["layers"]
    rooms = {*re.findall(r"\w+", layers), *(f"api.{name}" for name in re.findall(r"\w+", doors))}

    section = _read(ROOT / "docs" / "architecture.md").partition("## 5. The rooms")[2]
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
        for name in re.findall(r"`([\w.]+)`", row)
    }

    assert listed == rooms - {"api"}
