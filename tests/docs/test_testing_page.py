"""The page of the kit names all that the kit offers, and nothing else."""

from __future__ import annotations

import re

import pytest

from ratchet_core import testing
from tests.house.tree import ROOT

pytestmark = pytest.mark.docs

PAGE = (ROOT / "docs" / "reference" / "testing.md").read_text(encoding="utf-8")
CONTRACTS = [name for name in testing.__all__ if name.endswith("Contract")]


@pytest.mark.parametrize("name", testing.__all__)
def test_every_public_name_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE or f"### {name}\n" in PAGE


@pytest.mark.parametrize("kind", [testing.Harness, testing.SubmittedRun])
def test_every_public_member_is_on_the_page(kind: type) -> None:
    members = [name for name in vars(kind) if not name.startswith("_")]

    assert [name for name in members if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contracts_section_lists_what_it_checks_and_what_may_be_overridden(name: str) -> None:
    section = PAGE.partition(f"### {name}\n")[2].partition("\n### ")[0]
    kind = getattr(testing, name)
    members = [member for member in vars(kind) if not member.startswith("_")]
    checks = {member for member in members if member.startswith("test_")}

    assert set(re.findall(r"^- `(\w+)`$", section, re.MULTILINE)) == checks
    overridden = set(re.findall(r"^\| `(\w+)(?: = [^`]*)?` \|", section, re.MULTILINE))
    assert overridden == set(members) - checks
