"""What a command does not use is not imported: that is most of the time that it takes to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.integration.cli.conftest import Ratchet
from tests.processes import environment

#: Runs a command line, then prints which of the modules named first were imported meanwhile.
CODE: Final = """\
import sys
from ratchet_core.cli import main
code = main(sys.argv[2:])
print("imported:", *sorted(set(sys.argv[1].split()) & set(sys.modules)))
sys.exit(code)
"""
#: What serves HTTP, in the words of the modules that it takes longest to import.
SERVING: Final = "flask flask_smorest gunicorn graphql marshmallow werkzeug ratchet_core.api"
#: What only some plugins, some commands or the first start need.
SELDOM: Final = (
    "alembic psycopg flask_jwt_extended jwt ratchet_jwt.authenticator ratchet_core.cli.bench"
)
#: What runs steps; `worker.wakeup` and `worker.process` are for whoever watches processes.
WORKING: Final = "ratchet_core.worker.run ratchet_core.worker.supervisor ratchet_core.worker.drain"


@pytest.mark.parametrize(
    ("command", "modules"),
    [
        ("--version", f"{SERVING} {SELDOM} rich sqlalchemy redis rq pluggy jinja2 urllib3"),
        ("new --help", f"{SERVING} {SELDOM} rich sqlalchemy redis rq pluggy urllib3"),
        ("up --help", f"{SERVING} {SELDOM} rich sqlalchemy pluggy {WORKING}"),
        ("db stats --json", f"{SERVING} {SELDOM} rich ratchet_core.worker ratchet_core.scheduler"),
        ("runs list --json", f"{SELDOM} flask gunicorn graphql rich ratchet_core.scheduler"),
        ("worker --burst", f"{SERVING} {SELDOM} rich ratchet_core.scheduler ratchet_core.ingest"),
        ("scheduler --help", f"{SERVING} {SELDOM} rich ratchet_core.worker.supervisor"),
        ("serve --help", f"{SELDOM} rich ratchet_core.worker.supervisor ratchet_core.scheduler"),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_use(
    ratchet: Ratchet, tmp_path: Path, command: str, modules: str
) -> None:
    assert ratchet("db", "upgrade").returncode == 0

    ended = subprocess.run(
        [sys.executable, "-c", CODE, modules, *command.split()],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "imported:"


def test_what_is_printed_for_people_is_set_by_rich(tmp_path: Path) -> None:
    """The test above must not pass because it looks at nothing."""
    ended = subprocess.run(
        [sys.executable, "-c", CODE, "rich sqlalchemy", "db", "upgrade"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )

    assert ended.stdout.splitlines()[-1] == "imported: rich sqlalchemy"
