"""Plugins: loaded by entry point, each behind its own wall, called through the façade."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ratchet_core.errors import PluginError
from ratchet_core.hooks import Hooks, LoadOptions, load_plugins
from ratchet_core.sdk import HttpRequest, HttpResponse, PluginServices

WRITE = Callable[[str, str], EntryPoint]

GOOD = """
from ratchet_core.sdk import StepHandler, hookimpl

class Good(StepHandler):
    name = "{name}"

@hookimpl
def ratchet_register_step_handlers(services):
    return [Good()]
"""


class NoHttp:
    """A client for plugins that make no request."""

    def request(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError(request)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WRITE]:
    """Give a function that writes a module and returns its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    written: list[str] = []

    def make(name: str, text: str) -> EntryPoint:
        module = f"plugin_of_test_{name}"
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        written.append(module)
        return EntryPoint(name=name, value=module, group="ratchet")

    yield make
    for module in written:
        sys.modules.pop(module, None)


def services(plugin: str) -> PluginServices:
    return PluginServices(settings={"of": plugin}, http=NoHttp(), data_dir=Path("nowhere"))


def hooks_of(*found: EntryPoint, strict: bool = False, **options: object) -> Hooks:
    manager, states = load_plugins(LoadOptions(**options), found=found)  # type: ignore[arg-type]
    return Hooks(manager, states, strict=strict)


def states_of(hooks: Hooks) -> dict[str, str]:
    return {plugin.name: plugin.state for plugin in hooks.plugins}


def test_a_plugin_offers_its_step_handlers(write: WRITE) -> None:
    hooks = hooks_of(write("good", GOOD.format(name="shout")))

    table = hooks.register_step_handlers(services)

    assert list(table) == ["shout"]
    [plugin] = hooks.plugins
    assert plugin.hooks == ("ratchet_register_step_handlers",)
    assert plugin.provides == ["step handler shout"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise ValueError('at import')", "ValueError: at import"),
        ("def broken(:", "SyntaxError"),
        ("import no_such_module_at_all", "no_such_module_at_all"),
        (GOOD.format(name="a").replace("return [Good()]", "raise KeyError('x')"), "KeyError"),
        (GOOD.format(name="a").replace("return [Good()]", "return [1]"), "int"),
        (GOOD.format(name="a").replace("return [Good()]", "return None"), "None"),
        (
            GOOD.format(name="a").replace("_step_handlers", "_step_handler"),
            "ratchet_register_step_handler",
        ),
        (GOOD.format(name="a").replace('"a"', "None"), "without a name"),
    ],
)
def test_a_broken_plugin_is_quarantined_alone_and_the_others_work(
    write: WRITE, text: str, reason: str
) -> None:
    hooks = hooks_of(write("bad", text), write("good", GOOD.format(name="good")))

    table = hooks.register_step_handlers(services)

    states = {plugin.name: plugin for plugin in hooks.plugins}
    assert states["good"].state == "active"
    assert "good" in table
    if reason != "None":  # pluggy drops an answer of None: the plugin offers nothing
        assert states["bad"].state == "quarantined"
        assert reason in states["bad"].reason


def test_a_name_that_is_taken_quarantines_the_later_plugin(write: WRITE) -> None:
    hooks = hooks_of(write("a", GOOD.format(name="same")), write("b", GOOD.format(name="same")))

    hooks.register_step_handlers(services)

    assert states_of(hooks) == {"a": "active", "b": "quarantined"}


def test_a_quarantined_plugin_is_called_no_more(write: WRITE) -> None:
    text = GOOD.format(name="bad").replace("return [Good()]", "raise KeyError('x')")
    hooks = hooks_of(write("bad", text))
    hooks.register_step_handlers(services)

    hooks.register_step_handlers(services)

    assert hooks.plugins[0].errors == 1


def test_strict_refuses_a_quarantined_plugin_by_name_and_reason(write: WRITE) -> None:
    hooks = hooks_of(write("bad", "raise ValueError('no')"), strict=True)

    with pytest.raises(PluginError, match=r"'bad' is quarantined.*ValueError: no"):
        hooks.refuse_broken()


def test_only_plugins_that_are_allowed_and_not_denied_are_imported(write: WRITE) -> None:
    explosive = "raise AssertionError('imported')"
    found = [write("a", GOOD.format(name="a")), write("b", explosive), write("c", explosive)]

    hooks = hooks_of(*found, allow=["a", "b"], deny=["b"])

    assert states_of(hooks) == {"a": "active", "b": "disabled", "c": "disabled"}


def test_a_plugin_gets_its_own_settings(write: WRITE) -> None:
    text = GOOD.format(name="a").replace(
        "return [Good()]", "assert services.settings == {'of': 'mine'}; return [Good()]"
    )
    hooks = hooks_of(write("mine", text))

    assert list(hooks.register_step_handlers(services)) == ["a"]
