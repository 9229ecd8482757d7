"""A plugin in one file: events as JSON lines in a file, and ways to read them.

Copy it into the `plugins` folder beside `ratchet up`, or set `plugins.directory`. One line per
event goes to `<data_dir>/plugins/eventlog/events.jsonl` on the host whose worker publishes events;
after a crash one may stand there twice, with the same `sequence`.

- `ratchet eventlog --count 50` shows the newest ones on that host.
- `GET /plugins/eventlog/events?count=50` shows them over HTTP; it needs `plugin:read`.
- The workflow `eventlog.rotate` begins a new file; give it a schedule.

Settings, below `plugins.settings.eventlog`: `events` (names; `*` stands for any text) and
`kept_files` (how many older files the rotation keeps).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Final

import click
from flask import Blueprint, Response, jsonify, request

from ratchet_core.sdk import (
    Event,
    PluginServices,
    StepContext,
    StepDefinition,
    StepHandler,
    WorkflowDefinition,
    hookimpl,
)

__version__ = "1.0.0"
RATCHET_API = "~=1.0"


class EventFile:
    """Writes and reads the lines.

    Args:
        folder: where the files are; made when the first line is written.
        settings: of the plugin, with their defaults.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path = folder / "events.jsonl"
        self._patterns = tuple(settings.get("events", ("*",)))
        self._kept_files = int(settings.get("kept_files", 5))

    def append(self, event: Event) -> None:
        """Write an event, where its name is among those that are wanted."""
        if not any(fnmatchcase(event.name, pattern) for pattern in self._patterns):
            return
        line = {
            "sequence": event.sequence,
            "name": event.name,
            "at": event.at.isoformat(),
            "run_id": event.run_id,
            "step": event.step,
            "data": dict(event.data),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def newest(self, count: int) -> list[Any]:
        """Return the newest events, oldest first; those of the present file alone."""
        try:
            with self.path.open(encoding="utf-8") as file:
                return [json.loads(line) for line in deque(file, maxlen=count)]
        except FileNotFoundError:
            return []

    def rotate(self) -> int:
        """Begin a new file and delete those that are too old; return how many are kept."""
        older = [
            self.path.with_name(f"{self.path.name}.{n}") for n in range(1, self._kept_files + 1)
        ]
        older[-1].unlink(missing_ok=True)
        for source, target in reversed(list(zip([self.path, *older], older, strict=False))):
            if source.exists():
                source.replace(target)
        return sum(path.exists() for path in older)


class Rotate(StepHandler):
    """Begins a new file; safe to repeat, because files are only renamed."""

    name: ClassVar[str | None] = "eventlog-rotate"

    def __init__(self, file: EventFile) -> None:
        self._file = file

    def process(self, context: StepContext) -> Any:
        """Rotate the files of the host that runs the step."""
        return {"kept_files": self._file.rotate()}


def rotation() -> WorkflowDefinition:
    """Return the workflow `eventlog.rotate`."""
    return WorkflowDefinition(
        namespace="eventlog",
        name="rotate",
        version="1.0.0",
        description="Begins a new file of events.",
        steps=(StepDefinition(name="rotate", handler="eventlog-rotate"),),
    )


#: Most events that one answer holds.
MOST: Final = 1000


def events_command() -> click.Command:
    """Return `ratchet eventlog`."""

    @click.command("eventlog")
    @click.option("--count", type=click.IntRange(1, MOST), default=20, show_default=True)
    @click.option(
        "--folder",
        type=click.Path(path_type=Path),
        default=Path(".ratchet/plugins/eventlog"),
        show_default=True,
        help="Where the file is.",
    )
    def show(count: int, folder: Path) -> None:
        """Show the newest events that the plugin has written on this host."""
        for event in EventFile(folder, {}).newest(count):
            about = " ".join(str(event[key]) for key in ("run_id", "step") if event[key])
            click.echo(f"{event['at']} {event['name']} {about}".rstrip())

    return show


def events_blueprint(file: EventFile) -> Blueprint:
    """Return the route `/events`, with `?count=`."""
    blueprint = Blueprint("eventlog", __name__)

    @blueprint.get("/events")
    def events() -> Response:
        count = request.args.get("count", default=100, type=int)
        return jsonify({"items": file.newest(max(1, min(MOST, count)))})

    return blueprint


_SETTINGS: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "events": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "default": ["run.*", "plugin.*"],
        },
        "kept_files": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5},
    },
}
#: The file of this process, once the settings are known.
_files: Final[list[EventFile]] = []


@hookimpl
def ratchet_register_settings() -> Mapping[str, Any]:
    """Say what can be set."""
    return _SETTINGS


@hookimpl
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
    """Offer the step that begins a new file."""
    _files[:] = [EventFile(services.data_dir, services.settings)]
    return [Rotate(_files[0])]


@hookimpl
def ratchet_register_workflows() -> Iterable[WorkflowDefinition]:
    """Offer the workflow that begins a new file."""
    return [rotation()]


@hookimpl
def ratchet_register_commands() -> Iterable[click.Command]:
    """Offer `ratchet eventlog`."""
    return [events_command()]


@hookimpl
def ratchet_register_blueprints(services: PluginServices) -> Iterable[Blueprint]:
    """Offer the route that shows the newest events."""
    return [events_blueprint(EventFile(services.data_dir, services.settings))]


@hookimpl
def ratchet_on_event(event: Event) -> None:
    """Write the event."""
    for file in _files:
        file.append(event)
