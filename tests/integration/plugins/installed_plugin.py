"""A plugin as `pip install` leaves it: a module, and the metadata of its distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Version of the distribution.
VERSION: Final = "1.2.3"
_TEXT: Final = '''\
import click
from ratchet_core.sdk import *

RATCHET_API = "~=1.0"


class Greet(StepHandler):
    name = "greet"

    def __init__(self, settings):
        self._settings = dict(settings)

    def process(self, context):
        return self._settings


@hookimpl
def ratchet_register_settings():
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "greeting": {"type": "string", "default": "hello"},
            "limit": {"type": "integer", "minimum": 1},
            "nested": {"type": "object"},
            "key": {"type": "string"},
        },
    }


@hookimpl
def ratchet_register_step_handlers(services):
    return [Greet(services.settings)]


@hookimpl
def ratchet_register_workflows():
    step = StepDefinition(name="greet", handler="greet")
    return [WorkflowDefinition(namespace="demo", name="greet", version="1.0.0", steps=(step,))]


@hookimpl
def ratchet_register_commands():
    @click.command("greet")
    def greet():
        """Greet somebody."""
        click.echo("hello")

    return [greet]


@hookimpl
def ratchet_on_event(event):
    pass
'''


def install(folder: Path) -> Path:
    """Put it into a folder of installed packages, for PYTHONPATH; return the folder."""
    metadata = folder / f"ratchet_demo-{VERSION}.dist-info"
    metadata.mkdir(parents=True)
    (folder / "ratchet_demo.py").write_text(_TEXT, encoding="utf-8")
    about = f"Metadata-Version: 2.1\nName: ratchet-demo\nVersion: {VERSION}\n"
    (metadata / "METADATA").write_text(about, encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[ratchet]\ndemo = ratchet_demo\n", encoding="utf-8")
    return folder


def as_file(folder: Path) -> Path:
    """Put it into a plugins folder, as one file; return the file."""
    folder.mkdir(parents=True)
    path = folder / "demo.py"
    path.write_text(_TEXT.replace("RATCHET_API", '__version__ = "4.5.6"\nRATCHET_API'), "utf-8")
    return path
