"""Plugins that do everything wrong, one fault each: texts of files for the plugins folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ratchet_core.sdk import API_VERSION

HEAD: Final = """\
import os, threading, time
import click, flask
from ratchet_core.sdk import *

"""


def _dashed(noun: str) -> str:
    return noun.replace("_", "-")


REGISTRATIONS: Final = (
    "step_handlers",
    "output_destinations",
    "input_sources",
    "workflows",
    "commands",
    "blueprints",
    "authenticators",
    "authorization_coordinators",
)
LIVE: Final = {
    "before_submit": "submission",
    "before_attempt": "attempt",
    "decide_retry": "attempt, failure",
    "decide_queue": "submission, queue",
    "on_event": "event",
}
#: Those whose answer counts.
ANSWERING: Final = ("decide_retry", "decide_queue")

_STARTS: Final = {
    "import-raises": "raise OSError('no luck')\n",
    "import-leaves": "raise SystemExit(3)\n",
    "import-blocks": "threading.Event().wait()\n",
    "import-leaks": "threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    "other-version": "RATCHET_API = '>=2'\n",
    "odd-version": "RATCHET_API = 2\n",
    "misspelt": "@hookimpl\ndef ratchet_on_evnt(event): pass\n",
    "settings-raises": "@hookimpl\ndef ratchet_register_settings(): raise SystemExit('no luck')\n",
    "settings-nothing": "@hookimpl\ndef ratchet_register_settings(): pass\n",
    "settings-junk": "@hookimpl\ndef ratchet_register_settings(): return {'type': 5}\n",
    "handlers-block": (
        "@hookimpl\ndef ratchet_register_step_handlers(): threading.Event().wait()\n"
    ),
    "handlers-leak": (
        "@hookimpl\ndef ratchet_register_step_handlers():\n"
        "    threading.Thread(target=threading.Event().wait, name='leaked', daemon=True).start()\n"
        "    return []\n"
    ),
    "handlers-clash": (
        "class Mine(StepHandler):\n    name = 'http'\n    def process(self, context): return 1\n"
        "@hookimpl\ndef ratchet_register_step_handlers(): return [Mine()]\n"
    ),
    "http": "@hookimpl\ndef ratchet_on_event(event): pass\n",
}
#: Name in `GET /api/v1/plugins` to what the reason holds.
REASONS: Final = {
    "import-raises": "cannot be loaded: OSError: no luck",
    "import-leaves": "cannot be loaded: SystemExit",
    "import-blocks": "it has not ended after",
    "import-leaks": "left threads running",
    "other-version": f"asks for plugin API >=2, this is {API_VERSION}",
    "odd-version": "RATCHET_API is int",
    "misspelt": "hooks that do not exist: ratchet_on_evnt",
    "settings-raises": "ratchet_register_settings raised SystemExit: no luck",
    "settings-nothing": "settings schema is NoneType",
    "settings-junk": "its settings schema is no JSON Schema",
    "handlers-block": "it has not ended after",
    "handlers-leak": "it left threads running: leaked",
    "handlers-clash": "the step handler 'http' is taken by plugin 'http'",
    "http (plugins/http.py)": "the name 'http' is taken by ratchet-http",
    **{
        f"{_dashed(noun)}-raise": f"register_{noun} raised OSError: no luck"
        for noun in REGISTRATIONS
    },
    **{f"{_dashed(noun)}-junk": "int" for noun in REGISTRATIONS},
}


def write_starts(folder: Path) -> None:
    """Write the plugins that cannot be loaded or registered."""
    for name, text in _STARTS.items():
        _write(folder, name, text)
    for noun in REGISTRATIONS:
        hook = f"@hookimpl\ndef ratchet_register_{noun}():\n"
        _write(folder, f"{noun}-raise", f"{hook}    raise OSError('no luck')\n")
        _write(folder, f"{noun}-junk", f"{hook}    return [5]\n")


_LIVE: Final = """\
NAME = {name!r}

@hookimpl
def ratchet_{hook}({arguments}):
    if not meant({arguments}):
        return None
    {body}

def meant(first, *others):
    run = getattr(first, "run", first)
    if hasattr(first, "sequence"):
        return first.name == "step.completed" and first.step == NAME
    return run.workflow == NAME

def wait():
    while not os.path.exists({gate!r}):
        time.sleep(0.02)

def leak():
    for _ in range(60):
        threading.Thread(target=nothing, daemon=True).start()

def nothing():
    threading.Event().wait()
"""
BODIES: Final = {
    "raises": "raise OSError('no luck')",
    "leaves": "raise SystemExit(3)",
    "junk": "return 5",
    "blocks": "wait()",
    "leaks": "leak()",
}
#: Writes the names of events, and of what they are about, to a file.
_WITNESS: Final = """\
@hookimpl
def ratchet_on_event(event):
    with open({path!r}, "a") as file:
        file.write(event.name + " " + str(event.data.get("plugin") or event.step) + "\\n")
"""


def write_live(folder: Path, gates: Path, hook: str, fault: str) -> str:
    """Write a plugin with a fault in one hook of a run's life; return its name.

    It misbehaves where a workflow of its own name is run; the file of that name in `gates` frees
    what it blocks.
    """
    name = f"{hook}-{fault}".replace("_", "-")
    text = _LIVE.format(
        name=name,
        hook=hook,
        arguments=LIVE[hook],
        body=BODIES[fault],
        gate=str(gates / name),
    )
    _write(folder, name, text)
    return name


def write_witness(folder: Path, path: Path) -> None:
    """Write a plugin that keeps the events that it is told of."""
    _write(folder, "witness", _WITNESS.format(path=str(path)))


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(HEAD + text, encoding="utf-8")
