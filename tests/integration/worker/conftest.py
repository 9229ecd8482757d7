"""A Ratchet of its own for each test: a database, a ledger, and worker processes to kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from ratchet_core.config import load_settings
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
STEPS = "tests.integration.worker.steps"
#: A host that dies is noticed soon.
SHORT_LEASE = {"RATCHET_WORKER_LEASE_S": "2", "RATCHET_WORKER_HEARTBEAT_S": "0.5"}

WORKER = """
import logging, os, sys
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.run import run_worker
logging.basicConfig(level="INFO", format="%(process)d %(name)s %(message)s")
runtime = Ratchet(load_settings(None, os.environ).settings, os.environ)
sys.exit(run_worker(runtime, slots=int(sys.argv[1]), burst="burst" in sys.argv))
"""


def one_step(name: str, **step: Any) -> WorkflowDefinition:
    """Define a workflow of one step that runs the function of `steps` of that name."""
    definition = StepDefinition(name="only", handler=f"{STEPS}.{name}", **step)
    return WorkflowDefinition(name=name, steps=(definition,))


def chain(length: int) -> WorkflowDefinition:
    """Define a chain of quick steps."""
    steps = [
        StepDefinition(
            name=f"s{number}",
            handler=f"{STEPS}.quick",
            depends_on=(f"s{number - 1}",) if number else (),
        )
        for number in range(length)
    ]
    return WorkflowDefinition(name=f"chain{length}", steps=tuple(steps))


class Place:
    """One database with the workflows of these tests, and the processes that work on it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.ledger_path = folder / "ledger"
        self.release_path = folder / "release"
        self.log_path = folder / "worker.log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "RATCHET_DATA_DIR": str(folder / "data"),
            **environ,
        }
        self.runtime = Ratchet(load_settings(None, self.environ).settings, self.environ)
        self.runtime.upgrade_database()
        self.processes: list[subprocess.Popen[bytes]] = []

    def define(self, *workflows: WorkflowDefinition) -> None:
        """Store definitions."""
        self.runtime.engine.sync_definitions(workflows, {}, on_change="replace")

    def submit(self, name: str, count: int = 1, **values: Any) -> list[str]:
        """Submit runs; their input names the ledger and the file that releases waiting steps."""
        given = {"ledger": str(self.ledger_path), "release": str(self.release_path), **values}
        request = SubmitRequest(namespace="default", name=name, input=given)
        return self.runtime.engine.submit_ids([request] * count)

    @staticmethod
    def worker_command(*, slots: int = 1, burst: bool = False) -> list[str]:
        """Return the command that runs a worker."""
        return [sys.executable, "-c", WORKER, str(slots), *(["burst"] if burst else [])]

    def start(
        self, *command: str, slots: int = 1, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker, or the given command, in a process group of its own."""
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                command or self.worker_command(slots=slots),
                cwd=ROOT,
                env={**self.environ, **(environ or {})},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def await_ledger(self, word: str, count: int = 1) -> list[list[str]]:
        """Wait until that many lines of the ledger begin with a word."""
        return wait_for(
            lambda: found if len(found := self.ledger(word)) >= count else None,
            f"{count} x {word!r} in the ledger; the workers' log is:\n{self.log()}",
        )

    def ledger(self, word: str) -> list[list[str]]:
        """Return the ledger's lines that begin with a word: word, run, step, attempt, pid."""
        if not self.ledger_path.exists():
            return []
        lines = self.ledger_path.read_text(encoding="utf-8").splitlines()
        return [fields for line in lines if (fields := line.split())[0] == word]

    def await_ends(self, run_ids: list[str], timeout_s: float = 30.0) -> Counter[str]:
        """Wait until every run has come to its end; return how many in which state."""
        reads = self.runtime.reads

        def ended() -> Counter[str] | None:
            states = [reads.run_state(run_id) for run_id in run_ids]
            return Counter(map(str, states)) if set(states) <= RUN_TERMINAL else None

        return wait_for(ended, f"the runs to end; log:\n{self.log()}", timeout_s=timeout_s)

    def log(self) -> str:
        """Return what the workers wrote."""
        return self.log_path.read_text(encoding="utf-8") if self.log_path.exists() else ""

    def release(self) -> None:
        """Let the waiting steps end."""
        self.release_path.touch()

    def end(self) -> None:
        """Kill every process that the test has started, and what they have started."""
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                for member in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.send_signal(signal.SIGCONT)
                        member.kill()
            process.wait()
        self.runtime.close()


def attempts_of(place: Place, run_id: str) -> int:
    """Return how many attempts the only step of a run has had."""
    [step] = place.runtime.reads.steps(run_id)
    return step.attempts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Give a SQLite database without Redis."""
    made = Place(tmp_path, {})
    yield made
    made.end()
