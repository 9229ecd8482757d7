"""The table of commands, and the root of the command line."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import click

import ratchet_core
from ratchet_core.cli.lazy import LazyCommand, LazyGroup

_HERE: Final = "ratchet_core.cli.command"
_AUTHOR: Final = "Write and run definitions"
_HOST: Final = "Serve and work"
_OPERATE: Final = "Look and operate"

COMMANDS: Final = MappingProxyType(
    {
        "run": LazyCommand(
            f"{_HERE}.run:run",
            "Run a workflow once, here and without a server.",
            _AUTHOR,
        ),
        "validate": LazyCommand(
            f"{_HERE}.validate:validate", "Say what is wrong with definitions, and where.", _AUTHOR
        ),
        "compat": LazyCommand(
            f"{_HERE}.compat:compat", "Say what a new version of a workflow breaks.", _AUTHOR
        ),
        "test": LazyCommand(
            f"{_HERE}.test:test", "Run the test cases that scripts bring along.", _AUTHOR
        ),
        "new": LazyCommand(
            f"{_HERE}.new:new", "Write a start for a task, a workflow or a plugin.", _AUTHOR
        ),
        "up": LazyCommand(f"{_HERE}.up:up", "Start everything on this machine.", _HOST),
        "serve": LazyCommand(f"{_HERE}.serve:serve", "Start the API server alone.", _HOST),
        "worker": LazyCommand(f"{_HERE}.worker:worker", "Start the workers of this host.", _HOST),
        "scheduler": LazyCommand(
            f"{_HERE}.scheduler:scheduler", "Start a scheduler: it fires schedules.", _HOST
        ),
        "ingest": LazyCommand(
            f"{_HERE}.ingest:ingest", "Start an ingester: it makes runs of messages.", _HOST
        ),
        "runs": LazyCommand(
            f"{_HERE}.runs:runs", "List runs; pause, cancel, retry, rerun them.", _OPERATE
        ),
        "logs": LazyCommand(
            f"{_HERE}.logs:logs", "Show what steps have logged; report what failed.", _OPERATE
        ),
        "workflows": LazyCommand(
            f"{_HERE}.workflows:workflows", "List, pause and store workflows.", _OPERATE
        ),
        "tasks": LazyCommand(
            f"{_HERE}.workflows:workflows", "The same as `workflows`.", _OPERATE, hidden=True
        ),
        "queues": LazyCommand(f"{_HERE}.queues:queues", "List, pause and resume queues.", _OPERATE),
        "schedules": LazyCommand(
            f"{_HERE}.schedules:schedules", "List, preview, trigger and switch schedules.", _OPERATE
        ),
        "outputs": LazyCommand(
            f"{_HERE}.outputs:outputs", "Where outputs go, and what did not arrive.", _OPERATE
        ),
        "restore": LazyCommand(
            f"{_HERE}.restore:restore", "Bring a deleted workflow back.", _OPERATE
        ),
        "info": LazyCommand(f"{_HERE}.info:info", "Show what waits and who works.", _OPERATE),
        "db": LazyCommand(
            f"{_HERE}.db:db", "Upgrade and check the database; prune, export, import.", _OPERATE
        ),
        "plugins": LazyCommand(
            f"{_HERE}.plugins:plugins", "Show the plugins, and why one is not active.", _OPERATE
        ),
        "auth": LazyCommand(
            f"{_HERE}.auth:auth", "Make keys and tokens; show who may do what.", _OPERATE
        ),
        "audit": LazyCommand(
            f"{_HERE}.audit:audit", "Show and check the log of who changed what.", _OPERATE
        ),
        "config": LazyCommand(
            f"{_HERE}.config:config", "Show or check the configuration.", _OPERATE
        ),
        "bench": LazyCommand(
            f"{_HERE}.bench:bench", "Measure runs per second, latency, chains, memory.", _OPERATE
        ),
        "version": LazyCommand(f"{_HERE}.version:version", "Show the versions.", _OPERATE),
    }
)

_EPILOG: Final = """\
Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 something is wrong with the configuration, a
definition or a plugin, 4 a database, server or address cannot be had, 130 interrupted.
The options above may also stand after the command.
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(ratchet_core.__version__, message="ratchet %(version)s")
def root() -> None:
    """Run tasks and workflows durably."""
