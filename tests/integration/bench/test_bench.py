"""`ratchet bench` with tiny sizes: every row still runs, so that the bench cannot rot.

The figures are not looked at: they mean nothing at this size.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from ratchet_core.cli.bench.delivering import P99, RATE
from ratchet_core.cli.bench.figure import POSTGRESQL, SQLITE
from ratchet_core.cli.bench.messages import RABBITMQ_VARIABLE
from ratchet_core.cli.bench.plan import TINY
from ratchet_core.cli.bench.server import POSTGRES_VARIABLE
from ratchet_core.cli.bench.suite import BROKERS, ROWS
from ratchet_core.cli.bench.workload import LINES
from tests.processes import RATCHET, environment

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "bench" / "peers"
#: Groups that one call measures together, and names of rows that they must bring.
#: The row of each broker, which needs the scripts beside the peers.
MESSAGES = {
    "kafka": "Kafka messages stored",
    "rabbitmq": "messages of a RabbitMQ queue to stored runs",
}
PARTS = {
    ("latency", "chain", "javascript", "fibo", "fan-out", "single", "memory"): {
        "submit to done while idle, one after the other, p50",
        f"submit to done while idle, after gaps of {TINY.gap_s:g} s, p99",
        f"chain of {TINY.chain} no-op steps",
        f"chain of {TINY.chain} no-op steps with `commit: immediate`",
        f"chain of 10 steps of fibo({TINY.fibo}) in Python",
        f"fan-out of {TINY.fan_out} steps and its join",
        "no-op runs, submitted one by one",
        f"no-op runs, submitted in batches of {TINY.batch}",
        "no-op runs with `commit: immediate`, in batches",
    },
    ("http",): {
        "no-op runs over HTTP, one by one",
        f"no-op runs over HTTP, in batches of {TINY.batch}",
        f"call over HTTP that waits for the result, idle, after gaps of {TINY.gap_s:g} s, p50",
    },
    ("graphql",): {
        "the nested query of GraphQL, 4 clients",
        "the nested query of GraphQL, 4 clients, p99",
        f"commit to GraphQL subscriber, idle, after gaps of {TINY.gap_s:g} s, p50",
        f"commit to GraphQL subscriber, idle, after gaps of {TINY.gap_s:g} s, p99",
    },
    ("crowd", "lists"): {
        "reads, 64 connections",
        "submissions, 64 connections, p99",
        "100 handler reads at once that succeed (seed 002)",
        f"jobs, page 1, {TINY.listed} runs stored, p99",
        f"executions by task_id and status, {TINY.listed} runs stored, p99",
        f"tasker tasks by namespace and status, {TINY.listed} runs stored, p99",
    },
    ("load",): {"submit while 2 drains run flat out, p99"},
    ("logs", "prune", "hooks"): {
        "one call of a hook with 10 plugins",
        "the same by pluggy alone, 10 plugins",
        f"log lines stored per worker, {LINES} a step",
        "submit at 500 a second while old runs are pruned, p99",
        "runs pruned meanwhile",
        "submits meanwhile",
    },
    ("schedules", "idle"): {
        f"firing {TINY.schedules} schedules, spread over a minute, delay, p99",
        f"firing {TINY.schedules} schedules in one second, delay, p99",
        f"firing {TINY.schedules} schedules in one second, until a client sees all",
        "processor time of an idle `ratchet up`, of one core",
    },
    ("deliveries",): {RATE, P99},
}


def _bench(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    command = [RATCHET, "bench", "--tiny", "--json", "--out", str(folder), *arguments]
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder, **variables), capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()[-4000:]
    document: dict[str, Any] = orjson.loads(ended.stdout)
    return document


def _reasons(document: dict[str, Any], database: str) -> dict[str, str]:
    return {
        figure["name"]: figure["reason"]
        for figure in document["figures"]
        if figure["database"] == database and figure["value"] is None
    }


def _left_behind(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if str(folder) in line or process.cwd().startswith(str(folder)):
                found.append(line)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_every_group_of_rows_is_run_by_these_tests() -> None:
    assert {name for part in PARTS for name in part} == set(ROWS)
    assert set(MESSAGES) == set(BROKERS)


@pytest.mark.timeout(120)  # on a busy machine the processes take long to start
@pytest.mark.parametrize("groups", PARTS, ids="+".join)
def test_every_row_runs_on_sqlite_and_leaves_a_file_and_no_process(
    tmp_path: Path, groups: tuple[str, ...]
) -> None:
    document = _bench(tmp_path, "--database=sqlite", *(f"--only={name}" for name in groups))

    measured = {figure["name"] for figure in document["figures"] if figure["value"] is not None}
    written = list(tmp_path.glob("*.json"))
    absent = {
        "this system has no /proc/PID/smaps_rollup",
        "the plugin ratchet-javascript is not installed",
    }
    assert measured >= PARTS[groups]
    assert set(_reasons(document, SQLITE).values()) <= absent
    assert len(written) == 1
    assert orjson.loads(written[0].read_bytes())["figures"] == document["figures"]
    assert "SQLite: 2 drains, hosted by RQ workers" in document["about"]
    assert _left_behind(tmp_path) == []


def test_pruning_that_takes_too_long_is_given_up_and_no_rate_invented(tmp_path: Path) -> None:
    document = _bench(
        tmp_path,
        "--database=sqlite",
        "--only=prune",
        "--set=pruned=10000",
        "--set=prune_timeout_s=0.5",
    )

    [reason] = _reasons(document, SQLITE).values()
    assert re.fullmatch(r"given up after 0\.5 s: [\d,]+ of 10,000 runs were gone", reason)
    assert "runs pruned meanwhile" in _reasons(document, SQLITE)
    assert _left_behind(tmp_path) == []


@pytest.mark.timeout(150)
@pytest.mark.skipif(not PEERS.exists(), reason="the scripts are part of the source tree")
@pytest.mark.parametrize("broker", MESSAGES)
def test_messages_that_became_runs_are_counted(
    tmp_path: Path, broker: str, request: pytest.FixtureRequest
) -> None:
    url = {} if broker == "kafka" else {RABBITMQ_VARIABLE: request.getfixturevalue("rabbit_url")}
    options = ["--database=sqlite", f"--only={broker}", f"--peers={PEERS}"]

    document = _bench(tmp_path, *options, **url)

    figures = document["figures"]
    [row] = [f for f in figures if f["name"] == MESSAGES[broker] and f["system"] == "Ratchet"]
    assert row["value"] is not None, row["reason"]
    assert _left_behind(tmp_path) == []


def test_rows_run_on_postgresql(tmp_path: Path, postgres_server_url: Any) -> None:
    url = postgres_server_url.set(drivername="postgresql").render_as_string(hide_password=False)

    document = _bench(
        tmp_path,
        "--database=postgresql",
        "--only=chain",
        **{POSTGRES_VARIABLE: url},
    )

    names = [figure["name"] for figure in document["figures"]]
    assert _reasons(document, POSTGRESQL) == {}
    assert f"chain of {TINY.chain} no-op steps" in names
    assert "raw commit of one row, synchronous_commit=on" in names


def test_a_database_that_does_not_answer_is_named_and_no_figure_invented(tmp_path: Path) -> None:
    document = _bench(
        tmp_path,
        "--database=postgresql",
        "--only=chain",
        **{POSTGRES_VARIABLE: "postgresql://postgres@127.0.0.1:1/postgres"},
    )

    assert _reasons(document, POSTGRESQL) == {"all rows": f"{POSTGRES_VARIABLE} does not answer"}


@pytest.mark.skipif(not PEERS.exists(), reason="the peers are part of the source tree")
def test_a_peer_is_measured_where_it_is_installed_and_named_where_it_is_not(
    tmp_path: Path,
) -> None:
    scripts = tmp_path / "peers"
    scripts.mkdir()
    for name in ("run.py", "measure.py", "peer_rq.py", "peer_huey.py"):
        (scripts / name).write_bytes((PEERS / name).read_bytes())

    document = _bench(
        tmp_path, "--only=peers", f"--peers={scripts}", RATCHET_BENCH_PEERS="/no/such/python"
    )

    by_system: dict[str, set[bool]] = {}
    for figure in document["figures"]:
        by_system.setdefault(figure["system"].split()[0], set()).add(figure["value"] is not None)
    assert by_system == {"RQ": {True}, "huey": {False}}
    assert _left_behind(tmp_path) == []


def test_the_peers_that_are_promised_have_a_script() -> None:
    found = {path.stem.removeprefix("peer_") for path in PEERS.glob("peer_*.py")}

    assert found == {"celery", "rq", "dramatiq", "huey", "dbos", "procrastinate"}
