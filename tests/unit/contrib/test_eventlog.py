"""The file of events: written, read in three ways, and rotated."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from flask import Flask

from ratchet_core.hooks import Hooks, LoadOptions, load_plugins
from ratchet_core.sdk import Event, PluginServices
from tests.house.tree import ROOT
from tests.unit.hooks.plugin_house import NoHttp

FOLDER = ROOT / "contrib" / "plugins"


def event(name: str = "run.completed", sequence: int = 1) -> Event:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Event(name=name, sequence=sequence, at=at, run_id="r1", data={"by": "me"})


def hooks_with(**settings: Any) -> Hooks:
    manager, states = load_plugins(LoadOptions(folder=FOLDER), found=())
    return Hooks(manager, states, settings_of=lambda _plugin: settings)


def services_in(hooks: Hooks, folder: Path) -> Callable[[str], PluginServices]:
    return lambda plugin: PluginServices(
        settings=hooks.settings_of(plugin), http=NoHttp(), data_dir=folder
    )


def lines(folder: Path) -> list[Any]:
    text = (folder / "events.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_on_event_writes_wanted_events_as_lines(tmp_path: Path) -> None:
    hooks = hooks_with(events=["run.*"])
    hooks.register_step_handlers(services_in(hooks, tmp_path / "new"))
    [listener] = hooks.calls.event_listeners()

    for number, name in enumerate(("run.completed", "step.started", "run.failed"), start=1):
        listener.tell(event(name, number))

    first, second = lines(tmp_path / "new")
    assert first == {
        "sequence": 1,
        "name": "run.completed",
        "at": "2026-01-02T03:04:05+00:00",
        "run_id": "r1",
        "step": None,
        "data": {"by": "me"},
    }
    assert second["name"] == "run.failed"


def test_the_newest_are_shown_by_command_and_route(tmp_path: Path) -> None:
    hooks = hooks_with()
    services = services_in(hooks, tmp_path)
    hooks.register_step_handlers(services)
    [listener] = hooks.calls.event_listeners()
    for number in range(5):
        listener.tell(event(sequence=number))
    [(_, command)], [(_, blueprint)] = (
        hooks.register_commands(),
        hooks.register_blueprints(services),
    )
    app = Flask(__name__)
    app.register_blueprint(blueprint)

    shown = CliRunner().invoke(command, ["--count", "2", "--folder", str(tmp_path)])
    items = app.test_client().get("/events?count=2").get_json()["items"]

    assert shown.output.splitlines() == ["2026-01-02T03:04:05+00:00 run.completed r1"] * 2
    assert [item["sequence"] for item in items] == [3, 4]


def test_rotation_keeps_so_many_older_files(tmp_path: Path) -> None:
    hooks = hooks_with(kept_files=2)
    rotate = hooks.register_step_handlers(services_in(hooks, tmp_path))["eventlog-rotate"]
    [listener] = hooks.calls.event_listeners()

    kept = []
    for number in range(4):
        listener.tell(event(sequence=number))
        kept.append(rotate.process(None)["kept_files"])  # type: ignore[arg-type]

    assert kept == [1, 2, 2, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl.1", "events.jsonl.2"]


def test_register_workflows_offers_the_rotation(tmp_path: Path) -> None:
    hooks = hooks_with()
    assert "ratchet_register_workflows" in hooks.plugins[0].hooks

    [(plugin, workflow)] = hooks.register_workflows(services_in(hooks, tmp_path))

    assert (plugin, getattr(workflow, "full_name", None)) == ("eventlog", "eventlog.rotate@1.0.0")
