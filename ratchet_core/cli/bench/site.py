"""Ratchet over one database of its own, worked by a real `ratchet worker`.

Runs are submitted through `Engine`, the same verbs that the HTTP doors call, from the process of
the bench; they are claimed by work-horses that RQ hosts, in other processes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ratchet_core.cli.bench.plan import Plan
from ratchet_core.cli.bench.process import parent_of, started, wait_until
from ratchet_core.cli.bench.workload import NAMESPACE, definitions
from ratchet_core.config import Settings
from ratchet_core.config.server import DatabaseSettings, RedisSettings
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import RatchetError
from ratchet_core.runtime import Ratchet
from ratchet_core.store.drains import listed

_START_TIMEOUT_S: Final = 40.0
_OPEN: Final = (RunState.PENDING, RunState.RUNNING, RunState.RETRYING)
#: Pause between two looks at a run whose latency is measured.
LOOK_S: Final = 0.0002
#: The same where whole batches are waited for, so that looking takes nothing from the workers.
_BATCH_LOOK_S: Final = 0.002


class RunsFailed(RatchetError):
    """Runs of the bench did not complete, so there is no figure."""


class Site:
    """One Ratchet.

    Args:
        folder: of its data, settings and logs.
        database: name of the database, for figures.
        url: of the database, empty but there.
        redis_url: of a private server.
        plugins: folder of the bench's plugin.
        environ: of the caller.
        plan: sizes of the workflows.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        url: str,
        redis_url: str,
        plugins: Path,
        environ: Mapping[str, str],
        plan: Plan,
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "ratchet.yaml").write_text("{}\n", encoding="utf-8")
        self.folder = folder
        self.database = database
        self.plan = plan
        self.environ = _environment(folder, url, redis_url, plugins, environ)
        settings = dataclasses.replace(
            Settings(data_dir=folder),
            database=DatabaseSettings(url=url),
            redis=RedisSettings(url=redis_url),
        )
        self.runtime = Ratchet(settings, self.environ)
        self.has_javascript = "javascript" in self._kinds()
        self._workers = contextlib.ExitStack()
        #: Called with how far a long row has come.
        self.tell: Callable[[str], None] = lambda _text: None

    def _kinds(self) -> set[str]:
        return {handler.name for handler in self.runtime.handlers.made() if handler.name}

    def prepare(self) -> None:
        """Make the schema and store the workflows."""
        self.runtime.upgrade_database()
        workflows = definitions(
            chain=self.plan.chain,
            fan_out=self.plan.fan_out,
            fibo_argument=self.plan.fibo,
            javascript=self.has_javascript,
        )
        self.runtime.engine.sync_definitions(workflows, {NAMESPACE: ""}, on_change="replace")

    def close(self) -> None:
        """End the workers and give everything back."""
        self._workers.close()
        self.runtime.close()

    # ── workers ─────────────────────────────────────────────────────────────────────────────────

    def start_workers(self, *, wait: bool = True) -> None:
        """Start `ratchet worker`, and wait until each of its drains has its lease."""
        slots = self.plan.workers
        command = [sys.executable, "-m", "ratchet_core.cli", "worker", "--slots", str(slots)]
        log = self.folder / "worker.log"
        process = self._workers.enter_context(
            started(command, log=log, env=self.environ, folder=self.folder)
        )
        self.supervisor = process.pid

        def are_there() -> bool:
            if process.poll() is not None:
                tail = log.read_text(encoding="utf-8", errors="replace")[-800:]
                raise RunsFailed(f"`ratchet worker` ended with {process.returncode}: {tail}")
            return len(self.drains()) >= slots

        if wait:
            wait_until(are_there, f"{slots} drains to open", _START_TIMEOUT_S)

    def stop_workers(self) -> None:
        """End the workers warmly; what is left of them is killed."""
        self._workers.close()

    def drains(self) -> list[int]:
        """Return the processes that drain."""
        with self.runtime.database.read() as tx:
            return [int(row["pid"]) for row in listed(tx)]

    def hosting(self) -> str:
        """Say who hosts the drains: RQ's workers, or the supervisor itself."""
        pids = self.drains()
        own = sum(parent_of(pid) == self.supervisor for pid in pids)
        if not own:
            return f"{len(pids)} drains, hosted by RQ workers"
        return f"{len(pids)} drains, {own} of them NOT hosted by RQ"

    # ── runs ────────────────────────────────────────────────────────────────────────────────────

    def submit(self, name: str) -> str:
        """Submit one run; return its id."""
        return self.runtime.engine.submit(request_for(name)).run.id

    def submit_batch(self, name: str, count: int) -> str:
        """Submit many runs in one transaction; return the id of the last."""
        answers = self.runtime.engine.submit_many([request_for(name)] * count, atomic=True)
        last = answers[-1]
        if isinstance(last, RatchetError):
            raise last
        return last.run.id

    def await_run(self, run_id: str, timeout_s: float = 60.0) -> None:
        """Wait for one run, looking often.

        Raises:
            RunsFailed: it ended otherwise than completed, or not in time.
        """
        until = time.perf_counter() + timeout_s
        while (state := self.runtime.reads.run_state(run_id)) not in RUN_TERMINAL:
            if time.perf_counter() > until:
                raise RunsFailed(f"run {run_id} is {state} after {timeout_s:g} s")
            time.sleep(LOOK_S)
        if state is not RunState.COMPLETED:
            raise RunsFailed(f"run {run_id} is {state}; see worker.log")

    def await_all(self, last_id: str, timeout_s: float = 300.0) -> float:
        """Wait until no run is open, first for the one submitted last.

        Returns:
            When that was seen, on `time.perf_counter()`.

        Raises:
            RunsFailed: not in time.
        """
        reads = self.runtime.reads
        until = time.monotonic() + timeout_s
        while reads.run_state(last_id) not in RUN_TERMINAL:
            if time.monotonic() > until:
                raise RunsFailed(f"runs are still open after {timeout_s:g} s")
            time.sleep(_BATCH_LOOK_S)
        while self.open_runs():
            if time.monotonic() > until:
                raise RunsFailed(f"{self.open_runs()} runs are still open after {timeout_s:g} s")
            time.sleep(_BATCH_LOOK_S)
        return time.perf_counter()

    def open_runs(self) -> int:
        """Count the runs that have not come to their end."""
        return self._count(_OPEN, None)

    def ended_runs(self) -> int:
        """Count the runs that have come to their end."""
        return self._count(tuple(RUN_TERMINAL), None)

    def lines(self) -> int:
        """Count the lines that were ever stored: nothing deletes any here."""
        return self.runtime.reads.logs.end()

    def completed(self, name: str) -> int:
        """Count the runs of a workflow that are completed."""
        return self._count((RunState.COMPLETED,), name)

    def runs(self, name: str) -> int:
        """Count the runs of a workflow."""
        return self._count(None, name)

    def _count(self, states: Sequence[RunState] | None, name: str | None) -> int:
        query = RunQuery(
            states=None if states is None else tuple(states),
            namespace=None if name is None else NAMESPACE,
            name=name,
        )
        return self.runtime.reads.runs(query, Window(limit=1)).total


def request_for(name: str) -> SubmitRequest:
    """Return the request for one run of a workflow of the bench."""
    return SubmitRequest(namespace=NAMESPACE, name=name)


def _environment(
    folder: Path, url: str, redis_url: str, plugins: Path, environ: Mapping[str, Any]
) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if not key.startswith("RATCHET_")}
    path = [str(plugins), kept["PYTHONPATH"]] if kept.get("PYTHONPATH") else [str(plugins)]
    return {
        **kept,
        "PYTHONPATH": ":".join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RATCHET_CONFIG": str(folder / "ratchet.yaml"),
        "RATCHET_DATA_DIR": str(folder),
        "RATCHET_DATABASE_URL": url,
        "RATCHET_REDIS_URL": redis_url,
    }


@contextlib.contextmanager
def opened(
    folder: Path,
    database: str,
    url: str,
    redis_url: str,
    plugins: Path,
    environ: Mapping[str, str],
    plan: Plan,
) -> Iterator[Site]:
    """Give a site with its schema, its workflows and its workers; end all of it at the end."""
    site = Site(folder, database, url, redis_url, plugins, environ, plan)
    try:
        site.prepare()
        site.start_workers()
        yield site
    finally:
        site.close()
