"""Plugins written by tests: modules on the path, loaded as installed ones are."""

from __future__ import annotations

import contextlib
import itertools
import textwrap
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from ratchet_core.hooks import Hooks, LoadOptions, load_plugins
from ratchet_core.sdk import (
    AttemptInfo,
    HttpRequest,
    HttpResponse,
    PluginServices,
    RunInfo,
    StepInfo,
    Submission,
)

_NUMBERS = itertools.count()
#: A plugin that offers the step handler `shout`.
HANDLER = """
class Shout(StepHandler):
    name = "shout"

@hookimpl
def ratchet_register_step_handlers(services):
    return [Shout()]
"""


class NoHttp:
    """A client for plugins that make no request."""

    def request(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError(request)


class Shelf:
    """A folder on the path that plugins are put into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def put(self, name: str, text: str) -> EntryPoint:
        """Write a plugin, with the sdk imported and the logger's name at hand."""
        # never the same: an import that hangs holds the lock of its module's name
        module = f"plugin_of_test_{name.replace('-', '_')}_{next(_NUMBERS)}"
        header = "import time, threading\nfrom ratchet_core.sdk import *\n"
        body = header + textwrap.dedent(text)
        (self.folder / f"{module}.py").write_text(body, encoding="utf-8")
        self.modules.append(module)
        return EntryPoint(name=name, value=module, group="ratchet")

    def hooks(
        self,
        *found: EntryPoint,
        strict: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        call_budget_s: float = 5.0,
        **options: Any,
    ) -> Hooks:
        """Load plugins."""
        load = LoadOptions(**options)
        manager, states = load_plugins(load, found=found)
        given = settings or {}
        return Hooks(
            manager,
            states,
            strict=strict,
            settings_of=lambda plugin: given.get(plugin, {}),
            load_budget_s=load.budget_s,
            call_budget_s=call_budget_s,
        )


def services(plugin: str) -> PluginServices:
    return PluginServices(settings={"of": plugin}, http=NoHttp(), data_dir=Path("nowhere"))


def states_of(hooks: Hooks) -> dict[str, str]:
    return {plugin.name: plugin.state for plugin in hooks.plugins}


def submission(**given: Any) -> Submission:
    fields: dict[str, Any] = {"namespace": "default", "workflow": "w", "version": None, "input": {}}
    return Submission(**{**fields, "principal": "anonymous", **given})


def attempt(number: int = 1) -> AttemptInfo:
    return AttemptInfo(
        run=RunInfo(id="r", namespace="default", workflow="w", version="1.0.0"),
        step=StepInfo(id="s", name="only", attempt_id="a"),
        attempt=number,
        handler="test",
    )


@contextlib.contextmanager
def no_threads() -> Iterator[None]:
    """Let every start of a thread fail in the block: none gets the stack that it wants."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)
