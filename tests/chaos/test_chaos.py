"""Two thousand mixed runs while work-horses, workers and Redis are killed at random.

The ledger that steps write is independent of Ratchet; a checker compares it with what the API
of the store tells. The seed is printed with a failure: CHAOS_SEED=… repeats the choice of faults.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, text

from ratchet_core.config import load_settings
from ratchet_core.domain.states import RUN_TERMINAL, STEP_SATISFIED, RunState, StepState
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet
from ratchet_core.store.schema import runs
from tests.processes import Running, environment, running
from tests.servers import RedisServer
from tests.waiting import wait_for

RUNS = 2000
#: How long faults are made, in seconds; about one a second.
FAULTS_FOR_S = 25.0
LEASE_S = 3

WORKFLOWS: dict[str, list[tuple[str, list[str], dict[str, object]]]] = {
    "single": [("a", [], {})],
    "chain": [(f"s{n}", [f"s{n - 1}"] if n else [], {}) for n in range(5)],
    "diamond": [
        ("a", [], {}),
        ("b", ["a"], {"flaky": 0.3}),
        ("c", ["a"], {"slow": 0.5}),
        ("d", ["b", "c"], {}),
    ],
    "fan": [
        ("root", [], {}),
        *[(f"c{n}", ["root"], {}) for n in range(6)],
        ("join", [f"c{n}" for n in range(6)], {}),
    ],
    "broken": [("a", [], {}), ("b", ["a"], {"broken": True}), ("c", ["b"], {}), ("d", [], {})],
}
MIX = ["single"] * 50 + ["chain"] * 15 + ["diamond"] * 15 + ["fan"] * 8 + ["broken"] * 6
SCRIPT = "(function (input) { return { doubled: input.n * 2 }; })"


def write_definitions(folder: Path) -> None:
    """Put the workflows, the steps' module and a script into a folder of definitions."""
    folder.mkdir()
    steps = Path(__file__).with_name("chaos_steps.py").read_text(encoding="utf-8")
    (folder / "chaos_steps.py").write_text(steps, encoding="utf-8")
    (folder / "script.js").write_text(SCRIPT, encoding="utf-8")
    for name, listed in WORKFLOWS.items():
        lines = [f"name: {name}", "step_templates:"]
        for step, parents, config in listed:
            lines += [
                f"  - name: {step}",
                "    handler_class: chaos",
                "    default_retry_limit: 20",
            ]
            lines += [f"    depends_on_steps: [{', '.join(parents)}]"] if parents else []
            given = ", ".join(f"{key}: {str(value).lower()}" for key, value in config.items())
            lines += [f"    handler_config: {{{given}}}"] if config else []
        (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass
class Nemesis:
    """Kills something about once a second, as its seed says."""

    seed: int
    start_worker: Callable[[], Running]
    redis: RedisServer
    worker: Running = field(init=False)
    done: Counter[str] = field(default_factory=Counter)

    def rage(self, until: float) -> None:
        """Make faults until that moment of the monotonic clock."""
        dice = random.Random(self.seed)
        pause = threading.Event()
        while time.monotonic() < until:
            fault = dice.choice(
                [self.kill_horse, self.kill_horse, self.kill_worker, self.kill_redis]
            )
            fault(dice)
            self.done[fault.__name__] += 1
            pause.wait(dice.uniform(0.6, 1.2))

    def kill_horse(self, dice: random.Random) -> None:
        """SIGKILL one process below the supervisor."""
        victims = self.worker.children()
        if victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                dice.choice(victims).kill()

    def kill_worker(self, _dice: random.Random) -> None:
        """SIGKILL the supervisor itself, and start another."""
        os.kill(self.worker.process.pid, signal.SIGKILL)
        self.worker.process.wait()
        self.worker = self.start_worker()

    def kill_redis(self, _dice: random.Random) -> None:
        """SIGKILL Redis and bring it back empty."""
        self.redis.kill()
        self.redis.start()


def submit_all(ratchet: Ratchet, seed: int) -> list[str]:
    """Submit the mixed runs in small batches, from this process."""
    dice = random.Random(seed)
    requests = [
        SubmitRequest(
            namespace="default", name=dice.choice([*MIX, *["script"] * 6]), input={"n": n}
        )
        for n in range(RUNS)
    ]
    ids: list[str] = []
    for start in range(0, RUNS, 40):
        ids += ratchet.engine.submit_ids(requests[start : start + 40])
    return ids


@pytest.fixture
def workplace(tmp_path: Path, database_url: str) -> tuple[dict[str, str], Path]:
    definitions = tmp_path / "definitions"
    write_definitions(definitions)
    ledger = tmp_path / "ledger"
    ledger.touch()
    config = tmp_path / "ratchet.yaml"
    config.write_text(
        f"worker:\n  lease_s: {LEASE_S}\n  heartbeat_s: 0.5\n",
        encoding="utf-8",
    )
    variables = {
        "RATCHET_PATH": str(definitions),
        "RATCHET_DATABASE_URL": database_url,
        "RATCHET_CONFIG": str(config),
        "CHAOS_LEDGER": str(ledger),
    }
    return environment(tmp_path, **variables), ledger


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_no_run_is_lost_and_no_result_applied_twice_while_everything_dies(
    workplace: tuple[dict[str, str], Path], redis_server: RedisServer, tmp_path: Path
) -> None:
    env, ledger = workplace
    env["RATCHET_REDIS_URL"] = redis_server.url
    seed = int(os.environ.get("CHAOS_SEED", "20261122"))
    ratchet = Ratchet(load_settings(None, env, directory=tmp_path).settings, env)
    ratchet.prepare_database()
    loaded, _ = ratchet.sync_definitions(on_change="replace")
    assert loaded.problems == ()
    with contextlib.ExitStack() as stack:

        def start_worker() -> Running:
            command = ["worker", "--slots", "2"]
            return stack.enter_context(
                running(command, tmp_path, env, log="worker.log", tied=False)
            )

        nemesis = Nemesis(seed, start_worker, redis_server)
        nemesis.worker = start_worker()
        faults = threading.Thread(target=nemesis.rage, args=[time.monotonic() + FAULTS_FOR_S])
        faults.start()
        ids = submit_all(ratchet, seed)
        faults.join()
        wait_for(
            lambda: open_runs(ratchet) == 0,
            f"all runs to end (seed {seed}, faults {dict(nemesis.done)}, "
            f"log {(tmp_path / 'worker.log')})",
            timeout_s=90,
        )
        check(ratchet, ids, ledger, seed)
    assert all(nemesis.done[name] for name in ("kill_horse", "kill_worker", "kill_redis"))
    ratchet.close()


def open_runs(ratchet: Ratchet) -> int:
    """Count the runs that have not come to an end."""
    ended = select(func.count()).where(runs.c.state.not_in([state.value for state in RUN_TERMINAL]))
    with ratchet.database.read() as tx:
        return int(tx.execute(ended).scalar_one())


def check(ratchet: Ratchet, ids: list[str], ledger: Path, seed: int) -> None:
    """Compare the database with the ledger, rule by rule."""
    with ratchet.database.read() as tx:
        applied = {
            (row.run_id, row.step): row.times
            for row in tx.execute(
                text(
                    "SELECT run_id, step, count(*) AS times FROM journal "
                    "WHERE name = 'step.completed' GROUP BY run_id, step"
                )
            )
        }
        ends = Counter(
            row.run_id
            for row in tx.execute(
                text("SELECT run_id FROM journal WHERE name IN ('run.completed', 'run.failed')")
            )
        )
        numbers = tx.execute(
            text("SELECT step_id, number, count(*) AS n FROM attempts GROUP BY step_id, number")
        )
        assert [row for row in numbers if row.n != 1] == [], "an attempt's number was used twice"
        running = tx.execute(text("SELECT count(*) FROM attempts WHERE state = 'running'"))
        assert running.scalar_one() == 0, "an attempt was left open"
    assert set(applied.values()) <= {1}, f"a result was applied twice (seed {seed})"
    assert len(set(ids)) == RUNS
    assert ends == Counter(ids), f"a run ended twice or never (seed {seed})"
    starts, done = read_ledger(ledger)
    views = ratchet.reads.runs_by_id(ids)
    steps = ratchet.reads.steps_of(ids)
    for run_id in ids:
        run = views[run_id]
        assert run.state in {RunState.COMPLETED, RunState.FAILED}
        assert (run.state is RunState.FAILED) == (run.name == "broken"), run.error
        for step in steps[run_id]:
            if step.state in STEP_SATISFIED:
                assert applied[run_id, step.name] == 1
            if run.name == "script":
                assert run.result == {"doubled": run.input["n"] * 2}
                continue
            if step.state is StepState.COMPLETED:
                assert done[run_id, step.name], f"{step.name} completed without having run"
            for started in starts[run_id, step.name]:
                for parent in step.depends_on:
                    ended = done[run_id, parent]
                    assert ended, f"{step.name} ran, {parent} did not (seed {seed})"
                    assert min(ended) < started, f"{step.name} before {parent} (seed {seed})"


def read_ledger(
    ledger: Path,
) -> tuple[dict[tuple[str, str], list[int]], dict[tuple[str, str], list[int]]]:
    """Return, for each run's step, when it started and when it ended, in nanoseconds."""
    found: dict[str, dict[tuple[str, str], list[int]]] = {
        "start": defaultdict(list),
        "end": defaultdict(list),
    }
    for line in ledger.read_text(encoding="utf-8").splitlines():
        what, run_id, step, _attempt, at = line.split()
        found[what][run_id, step].append(int(at))
    return found["start"], found["end"]
