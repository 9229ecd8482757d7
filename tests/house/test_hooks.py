"""A hook ships with its documentation, a test, its section in the reference and a real plugin."""

from __future__ import annotations

import inspect
import re

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


@each_hook
def test_its_specification_says_when_what_and_what_may_go_wrong(hook: str) -> None:
    function = getattr(spec, hook)
    text = inspect.getdoc(function) or ""
    signature = inspect.signature(function)

    assert "Called " in text, "when is it called, and in which process?"
    assert "Raises:" in text
    for parameter in signature.parameters:
        assert re.search(rf"^    {parameter}: ", text, re.MULTILINE), parameter
    if signature.return_annotation != "None":
        assert "Returns:" in text


@each_hook
def test_a_test_names_it(hook: str) -> None:
    words = hook.removeprefix("ratchet_")
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    named = re.compile(rf"def test_\w*({words}|{words.partition('_')[2]})")

    assert any(named.search(text) and hook in text for text in texts)


@each_hook
def test_a_real_plugin_uses_it(hook: str) -> None:
    plugins = [*(ROOT / "plugins").rglob("src/**/*.py"), *(ROOT / "contrib/plugins").glob("*.py")]
    users = [path for path in plugins if f"def {hook}(" in path.read_text(encoding="utf-8")]

    assert users


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
