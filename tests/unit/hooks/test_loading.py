"""Loading: which plugins are taken, and how one that does not fit is named and left out."""

from __future__ import annotations

import threading
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from ratchet_core.errors import PluginError
from ratchet_core.hooks.api_version import api_problem
from ratchet_core.hooks.leak import MOST_THREADS, find_leaks
from tests.unit.hooks.plugin_house import HANDLER, Shelf, services, states_of

DESTINATION = """
class Paper(OutputDestination):
    name = "paper"
    def deliver(self, delivery):
        return Delivered()

@hookimpl
def ratchet_register_output_destinations(services):
    return [Paper()]
"""
SOURCES = """
class Post(InputSource):
    name = "post"
    def run(self, feed): ...

class Bell(WebhookSource):
    name = "bell"
    def verify(self, request): ...

@hookimpl
def ratchet_register_input_sources():
    return [Post, Bell]
"""
COORDINATOR = """
class Anybody(AuthorizationCoordinator):
    name = "anybody"
    def allows(self, principal, permission, namespace):
        return True

@hookimpl
def ratchet_register_authorization_coordinators():
    return [Anybody]
"""


def test_register_output_destinations_and_input_sources_by_name(shelf: Shelf) -> None:
    hooks = shelf.hooks(shelf.put("out", DESTINATION), shelf.put("in", SOURCES))

    assert list(hooks.register_output_destinations(services)) == ["paper"]
    assert {name: plugin for name, (plugin, _) in hooks.register_input_sources().items()} == {
        "post": "in",
        "bell": "in",
    }
    offers = {plugin.name: plugin.provides for plugin in hooks.plugins}
    assert offers["out"] == ["output destination paper"]
    assert offers["in"] == ["input source post", "input source bell"]


def test_register_authorization_coordinators_by_name(shelf: Shelf) -> None:
    hooks = shelf.hooks(shelf.put("anybody", COORDINATOR))

    [(name, (plugin, kind))] = hooks.register_authorization_coordinators().items()

    assert (name, plugin, kind.__name__) == ("anybody", "anybody", "Anybody")


def test_register_authenticators_refuses_where_a_plugin_cannot_say_what_it_offers(
    shelf: Shelf,
) -> None:
    text = "@hookimpl\ndef ratchet_register_authenticators():\n    {}\n"
    raising = shelf.hooks(shelf.put("bad", text.format("raise OSError('gone')")))
    junk = shelf.hooks(shelf.put("odd", text.format("return [5]")))

    with pytest.raises(PluginError, match=r"plugin 'bad' is quarantined.*gone"):
        raising.register_authenticators()
    with pytest.raises(PluginError, match="plugin 'odd' offers no authenticator"):
        junk.register_authenticators()


def test_register_commands_and_blueprints_come_with_their_plugin(shelf: Shelf) -> None:
    text = """
    import click, flask
    @hookimpl
    def ratchet_register_commands():
        return [click.Command("count")]
    @hookimpl
    def ratchet_register_blueprints(services):
        return [flask.Blueprint("count", __name__)]
    """
    hooks = shelf.hooks(shelf.put("count", text))

    [(plugin, command)] = hooks.register_commands()
    [(owner, blueprint)] = hooks.register_blueprints(services)

    assert (plugin, command.name, owner, blueprint.name) == ("count", "count", "count", "count")


def test_register_settings_checks_what_is_configured_and_fills_defaults(shelf: Shelf) -> None:
    text = """
    @hookimpl
    def ratchet_register_settings():
        return {"type": "object", "additionalProperties": False, "properties": {
            "limit": {"type": "integer", "default": 10}, "key": {"type": "string"}}}
    """
    found = [shelf.put(name, text) for name in ("good", "wrong", "odd")]
    given: dict[str, dict[str, Any]] = {
        "good": {"key": "s3cret"},
        "wrong": {"limit": "much"},
        "odd": {"limits": 1},
    }

    hooks = shelf.hooks(*found, settings=given)

    plugins = {plugin.name: plugin for plugin in hooks.plugins}
    assert hooks.settings_of("good") == {"limit": 10, "key": "s3cret"}
    assert states_of(hooks) == {"good": "active", "odd": "quarantined", "wrong": "quarantined"}
    assert "plugins.settings.wrong.limit" in plugins["wrong"].reason
    assert "much" not in plugins["wrong"].reason
    assert "limits" in plugins["odd"].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("RATCHET_API = '>=2.0'", "asks for plugin API >=2.0, this is 1.1"),
        ("RATCHET_API = 2", "RATCHET_API is int"),
        ("RATCHET_API = 'two'", "is no version range"),
        ("@hookimpl\nasync def ratchet_on_event(event): ...", "ratchet_on_event is async"),
        ("@hookimpl(wrapper=True)\ndef ratchet_on_event(event):\n    yield", "is a wrapper"),
        ("@hookimpl\ndef ratchet_on_event(evnt): ...", "evnt"),
        ("time.sleep(60)", "has not ended after 0.8 s"),
        ("threading.Thread(target=time.sleep, args=(60,), name='mine').start()", "mine"),
        ("@hookimpl\ndef ratchet_register_settings():\n    return 7", "is int, not"),
    ],
)
def test_what_does_not_fit_is_quarantined_by_name_and_the_rest_works(
    shelf: Shelf, text: str, reason: str
) -> None:
    hooks = shelf.hooks(shelf.put("bad", text), shelf.put("good", HANDLER), budget_s=0.8)

    assert list(hooks.register_step_handlers(services)) == ["shout"]
    assert states_of(hooks) == {"bad": "quarantined", "good": "active"}
    assert reason in hooks.plugins[0].reason


def test_a_registration_that_blocks_is_left_behind(shelf: Shelf) -> None:
    text = HANDLER.replace("return [Shout()]", "time.sleep(60)")
    found = shelf.put("slow", text), shelf.put("good", HANDLER)
    hooks = shelf.hooks(*found, budget_s=0.8)

    started = time.monotonic()
    table = hooks.register_step_handlers(services)

    assert time.monotonic() - started < 10
    assert list(table) == ["shout"]
    assert "ratchet_register_step_handlers raised OverBudget" in hooks.plugins[1].reason


def test_two_plugins_of_one_name_are_told_apart_by_their_packages(shelf: Shelf) -> None:
    first, second = shelf.put("same", HANDLER), shelf.put("same", HANDLER)

    hooks = shelf.hooks(first, second)

    assert states_of(hooks) == {"same": "active", "same (without a package)": "quarantined"}
    assert "the name 'same' is taken by" in hooks.plugins[1].reason


def test_one_file_plugins_come_from_a_folder(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    header = "__version__ = '2.1'\nfrom ratchet_core.sdk import *\n"
    (folder / "my_shout.py").write_text(header + HANDLER, encoding="utf-8")
    (folder / "_private.py").write_text("raise AssertionError", encoding="utf-8")
    (folder / "broken.py").write_text("def (", encoding="utf-8")

    hooks = shelf.hooks(folder=folder)

    assert list(hooks.register_step_handlers(services)) == ["shout"]
    assert states_of(hooks) == {"broken": "quarantined", "my-shout": "active"}
    plugin = hooks.plugins[1]
    assert (plugin.version, plugin.distribution) == ("2.1", str(folder / "my_shout.py"))


def test_switches_say_why_a_plugin_is_off(shelf: Shelf) -> None:
    found = [shelf.put(name, "raise AssertionError") for name in ("a", "b", "c")]

    hooks = shelf.hooks(*found, deny=["a"], disabled=["b"], safe_mode=True)

    reasons = {plugin.name: plugin.reason for plugin in hooks.plugins}
    assert states_of(hooks) == dict.fromkeys("abc", "disabled")
    assert reasons == {
        "a": "switched off by `plugins.deny`",
        "b": "switched off by `ratchet plugins disable b`",
        "c": "safe mode loads only plugins that come with Ratchet",
    }


def test_a_plugin_that_leaks_threads_is_found_by_the_code_that_they_run(shelf: Shelf) -> None:
    text = "over = threading.Event()\ndef wait():\n    over.wait(60)\n"
    hooks = shelf.hooks(shelf.put("leaky", text), shelf.put("tidy", ""))
    module = hooks.plugins[0].module
    assert module is not None
    threads = [threading.Thread(target=module.wait, daemon=True) for _ in range(MOST_THREADS + 1)]
    for thread in threads:
        thread.start()

    find_leaks(hooks.plugins)
    module.over.set()

    assert states_of(hooks) == {"leaky": "quarantined", "tidy": "active"}
    assert f"{MOST_THREADS + 1} threads" in hooks.plugins[0].reason


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (None, True),
        ("~=1.0", True),
        (">=1,<2", True),
        ("==1.0", True),
        ("~=1.1", False),
        ("<1", False),
    ],
)
def test_version_ranges_are_read_as_packages_read_them(wanted: str | None, fits: bool) -> None:
    assert (api_problem(wanted, "1.0") is None) is fits


def test_an_entry_point_that_names_nothing_is_quarantined(shelf: Shelf) -> None:
    hooks = shelf.hooks(EntryPoint(name="gone", value="no_such_module_here", group="ratchet"))

    assert "no_such_module_here" in hooks.plugins[0].reason
