"""acceptance.md, Ratchet: the seed's monitoring tasks read the server that runs them.

With authentication on and one worker process: the scripts stand as the seed has them but for the
address of the server and of the collector, and know of no credentials.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.acceptance.conftest import ROOT
from tests.acceptance.locked import LOCKED, Locked
from tests.http_server import Answer, HttpServer, serve
from tests.processes import ratchet_up
from tests.waiting import wait_for

EXAMPLES = ROOT / "contrib" / "examples"
SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+', re.ASCII)


@pytest.fixture(scope="module")
def collector() -> Iterator[HttpServer]:
    """Give a server that takes metrics for an API key of its own."""

    def answer(request: Any) -> Answer:
        return Answer(status=202 if request.headers.get("dd-api-key") == "good" else 403)

    with serve(answer) as started:
        yield started


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory, collector: HttpServer) -> Iterator[Locked]:
    """Give a server with one worker process and the seed's monitoring tasks."""
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "tasks").mkdir()
    shutil.copytree(EXAMPLES / "addition", folder / "tasks" / "addition")
    variables = {
        **LOCKED,
        "RATCHET_PATH": str(folder / "tasks"),
        "RATCHET_WORKER_COUNT": "1",
    }
    with ratchet_up(folder, **variables) as started:
        for name in ("metrics-exporter", "datadog-metrics"):
            _copy(name, folder / "tasks", started.base, f"http://127.0.0.1:{collector.port}")
        yield Locked(started, folder, variables)


def _copy(name: str, into: Path, base: str, collector: str) -> None:
    """Copy an example, with the addresses that this test has."""
    staged = into.parent / name
    shutil.copytree(EXAMPLES / name, staged)
    script = staged / "main.js"
    text = script.read_text(encoding="utf-8")
    changed = text.replace("http://localhost:8080", base).replace(
        "https://api.datadoghq.com", collector
    )
    assert changed != text
    script.write_text(changed, encoding="utf-8")
    staged.rename(into / name)


def run(monitored: Locked, admin: str, task: str, value: Any) -> Any:
    """Return the ended job of a task, once the task is known."""
    path = f"/api/v1/tasks/{task}"
    wait_for(lambda: monitored.call("GET", path, admin).status_code == 200, f"{task} to be found")
    answer = monitored.call("POST", f"{path}/execute?wait=60", admin, json={"input": value})
    assert answer.status_code == 200, answer.text
    job = answer.json()["job"]
    assert job["status"] == "completed", job["error"]
    return job


def test_ratchet_091_092_093_094_095_the_exporter_reads_its_own_server(
    monitored: Locked, admin: str
) -> None:
    for number in range(3):
        run(monitored, admin, "addition", {"num1": number, "num2": 1})

    result = run(monitored, admin, "metrics-exporter", {})["result"]

    total = monitored.call("GET", "/api/v1/tasks", admin).json()["total"]
    lines = result["metrics"].splitlines()
    samples = [line for line in lines if line and not line.startswith("#")]
    assert result["format"] == "prometheus"
    assert lines[0] == "# HELP ratchet_total_tasks Total number of tasks"
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    assert f"ratchet_total_tasks {total}" in samples
    assert 'ratchet_jobs_total{status="completed"} 3' in samples
    # its own job: that it has started is stored after 20 ms, which an answer may be faster than
    own = [f'ratchet_jobs_total{{status="{status}"}} 1' for status in ("pending", "running")]
    assert len(set(own) & set(samples)) == 1


@pytest.mark.parametrize(("key", "status"), [("good", 202), ("bad", 403)])
def test_ratchet_096_097_executions_are_posted_and_any_status_is_readable(
    monitored: Locked, collector: HttpServer, admin: str, key: str, status: int
) -> None:
    run(monitored, admin, "addition", {"num1": 1, "num2": 2})

    value = {"datadog_api_key": key, "environment": "test"}
    result = run(monitored, admin, "datadog-metrics", value)["result"]

    assert result["status"] == status
    posted = collector.received[-1]
    assert (posted.method, posted.headers["dd-api-key"]) == ("POST", key)
    assert "authorization" not in posted.headers
    series = orjson.loads(posted.body)["series"]
    assert len(series) == result["metrics_sent"] >= 1
    for item in series:
        [[at, _]] = item["points"]
        assert isinstance(at, int)
        assert math.isfinite(at)
        assert item["tags"][0].startswith("task:")


def test_ratchet_086_sqlite_is_the_internal_store(monitored: Locked) -> None:
    [database] = Path(monitored.folder).rglob("ratchet.db")

    assert database.read_bytes().startswith(b"SQLite format 3\x00")
