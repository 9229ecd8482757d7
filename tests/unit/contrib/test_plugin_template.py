"""The template in contrib is what `ratchet new plugin` writes."""

from __future__ import annotations

from pathlib import Path

from ratchet_core.cli import main
from tests.house.tree import ROOT

TEMPLATE = ROOT / "contrib" / "plugin-template"
ABOUT = "A start for a Ratchet plugin: a step handler that counts words."
#: What tools leave behind.
LEFT = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
        and not LEFT & set(path.parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
    }


def test_the_template_is_what_the_command_writes(tmp_path: Path) -> None:
    assert main(["new", "plugin", "words", "--path", str(tmp_path), "--description", ABOUT]) == 0

    assert files_of(TEMPLATE) == files_of(tmp_path / "ratchet-words"), (
        "write contrib/plugin-template anew: ratchet new plugin words"
    )
