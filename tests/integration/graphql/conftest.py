"""An API server and a worker as processes of their own, and clients to talk to the server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ratchet_core.config import Settings
from ratchet_core.config.server import DatabaseSettings
from ratchet_core.domain.workflow import single_step
from ratchet_core.runtime import Ratchet
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
DEFINITIONS = ROOT / "tests" / "acceptance" / "definitions"
START_TIMEOUT_S = 40.0

SERVER = """
import os
from ratchet_core.app.server import ServerOptions, run_server
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet
settings = load_settings(None, os.environ).settings
settings.data_dir.mkdir(parents=True, exist_ok=True)
ratchet = Ratchet(settings, os.environ)
ratchet.upgrade_database()
ratchet.sync_definitions(on_change="replace")
say = lambda host, port: print(f"serving http://{host}:{port}", flush=True)
run_server(ratchet, ServerOptions(on_ready=say))
"""

WORKER = """
import os, sys
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.run import run_worker
sys.exit(run_worker(Ratchet(load_settings(None, os.environ).settings, os.environ), slots=2))
"""


class Site:
    """One server, its worker and what they print."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.log_path = folder / "log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "RATCHET_DATA_DIR": str(folder / "data"),
            "RATCHET_PATH": str(DEFINITIONS),
            "RATCHET_SERVER_PORT": "0",
            **environ,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.base = ""

    def start(self) -> None:
        """Start the server, and the worker once the server has made the database."""
        self.server = self._run("-c", SERVER)
        self.base = wait_for(
            self._address,
            "the server to say where it serves",
            timeout_s=START_TIMEOUT_S,
        )
        self._run("-c", WORKER)

    def stop(self) -> None:
        """End both."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def socket_url(self) -> str:
        """Where WebSockets go."""
        return self.base.replace("http", "ws") + "/graphql"

    def text(self) -> str:
        """What they have printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the answer to an operation."""
        answer = requests.post(
            f"{self.base}/graphql", json={"query": query, "variables": variables}, timeout=20
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def execute(self, task: str, value: Any) -> str:
        """Execute a task and return the id of its job."""
        body = self.ask(
            "mutation($task: ID!, $input: JSON) "
            "{ executeTask(taskId: $task, input: $input) { job { id } } }",
            task=task,
            input=value,
        )
        assert "errors" not in body, body
        job_id: str = body["data"]["executeTask"]["job"]["id"]
        return job_id

    def status(self, job_id: str) -> str:
        """Return where a job stands."""
        status: str = self.ask("query($id: ID!) { job(id: $id) { status } }", id=job_id)["data"][
            "job"
        ]["status"]
        return status

    def finished(self, job_id: str) -> None:
        """Wait until a job has come to its end."""
        ends = {"completed", "failed", "cancelled"}
        wait_for(lambda: self.status(job_id) in ends, f"job {job_id} to end")

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.log_path.parent,
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _address(self) -> str | None:
        if self.server.poll() is not None:
            pytest.fail(f"the server ended:\n{self.text()[-3000:]}")
        lines = [line for line in self.text().splitlines() if line.startswith("serving ")]
        return lines[0].removeprefix("serving ") if lines else None


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Give a function that starts a server and a worker with some environment."""
    with contextlib.ExitStack() as stack:

        def start(**environ: str) -> Site:
            site = Site(tmp_path_factory.mktemp("site"), environ)
            stack.callback(site.stop)
            site.start()
            return site

        yield start


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """Give the path of a file that gated steps wait for; it is made at the end, to free them."""
    path = tmp_path / f"gate-{uuid.uuid4().hex}"
    yield path
    path.touch()


@pytest.fixture(params=["sqlite", "postgresql"])
def ratchet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ratchet]:
    """Give a runtime of this process on either database, without a worker."""
    url = ""
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = create()
    made = Ratchet(Settings(data_dir=tmp_path, database=DatabaseSettings(url=url)))
    made.upgrade_database()
    made.engine.sync_definitions([single_step("echo", "test")], {}, on_change="replace")
    yield made
    made.close()
