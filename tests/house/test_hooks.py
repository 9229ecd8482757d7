"""A hook ships with its documentation, a test, its section in the reference and a real plugin."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ratchet_core.domain.catalogue import CATALOGUE
from ratchet_core.domain.events import EventName
from ratchet_core.hooks import spec
from ratchet_core.hooks.loading import HOOKS
from ratchet_core.hooks.reference import events_page, hooks_page
from tests.house.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"
KINDS = ("register", "before", "decide", "on")

each_hook = pytest.mark.parametrize("hook", HOOKS)


@each_hook
def test_its_name_tells_its_kind(hook: str) -> None:
    assert hook.split("_")[1] in KINDS


def _unsaid(function: Callable[..., object]) -> list[str]:
    """Return what a specification leaves unsaid."""
    text = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    wanted = {
        r"Called ": "when it is called, and in which process",
        r"^Raises:": "what happens when it raises",
        **{rf"^    {name}: ": f"what `{name}` is" for name in signature.parameters},
    }
    if signature.return_annotation != "None":
        wanted[r"^Returns:"] = "what it returns"
    return [said for shape, said in wanted.items() if not re.search(shape, text, re.MULTILINE)]


def _tests_of(hook: str) -> list[Path]:
    """Return the files with a test that bears the hook's name and uses the hook."""
    words = hook.removeprefix("ratchet_")
    named = re.compile(rf"def test_\w*({words}|{words.partition('_')[2]})")
    found = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__) and hook in text and named.search(text):
            found.append(path)
    return found


def _plugins_with(hook: str) -> list[Path]:
    """Return the files of real plugins that implement the hook."""
    files = [*(ROOT / "plugins").rglob("src/**/*.py"), *(ROOT / "contrib/plugins").glob("*.py")]
    return [path for path in files if f"def {hook}(" in path.read_text(encoding="utf-8")]


def _has_section(hook: str) -> bool:
    """Tell whether the reference has a section on the hook."""
    return f"\n### `{hook}`\n" in (REFERENCE / "hooks.md").read_text(encoding="utf-8")


@each_hook
def test_its_specification_says_when_what_and_what_may_go_wrong(hook: str) -> None:
    assert _unsaid(getattr(spec, hook)) == []


@each_hook
def test_a_test_names_it(hook: str) -> None:
    assert _tests_of(hook)


@each_hook
def test_the_reference_has_a_section_on_it(hook: str) -> None:
    assert _has_section(hook)


@each_hook
def test_a_real_plugin_uses_it(hook: str) -> None:
    assert _plugins_with(hook)


def test_a_hook_that_nobody_has_finished_meets_none_of_these_demands() -> None:
    def ratchet_on_nothing(what: str) -> int:
        """Tell of nothing."""
        return len(what)

    assert _unsaid(ratchet_on_nothing) == [
        "when it is called, and in which process",
        "what happens when it raises",
        "what `what` is",
        "what it returns",
    ]
    assert _tests_of("ratchet_on_nothing") == []
    assert not _has_section("ratchet_on_nothing")
    assert _plugins_with("ratchet_on_nothing") == []


@pytest.mark.parametrize(("name", "page"), [("hooks", hooks_page), ("events", events_page)])
def test_the_committed_references_are_what_the_code_says(name: str, page: object) -> None:
    assert callable(page)

    assert (REFERENCE / f"{name}.md").read_text(encoding="utf-8") == page(), (
        "run: python -m ratchet_core.hooks.reference docs/reference"
    )


def test_every_event_of_the_engine_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == set(EventName)


def test_every_event_and_each_of_its_fields_is_described() -> None:
    rows = [line for line in events_page().splitlines() if line.startswith("| `")]

    assert [row for row in rows if row.endswith("|  |")] == []
    assert [name for name, kind in CATALOGUE.items() if not kind.__doc__] == []
