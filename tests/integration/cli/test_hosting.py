"""`ratchet up`, `serve` and `worker` as processes: started, watched, reloaded, ended."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.integration.cli.conftest import Ratchet, document
from tests.processes import Running, environment, ratchet_up, running
from tests.servers import free_port
from tests.waiting import wait_for

#: Longest clean end that a user should meet, in seconds.
CLEAN_END_S = 15.0

STEPS = """\
from ratchet_core.sdk import StepHandler


class Count(StepHandler):
    def process(self, context):
        return {{"answer": {answer}}}
"""
COUNTING = """\
name: counting
step_templates:
  - name: count
    handler_class: counting_steps.Count
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "hello.js").write_text(
        "(function (i) { return 'hello ' + i.who; })", encoding="utf-8"
    )
    (folder / "counting.yaml").write_text(COUNTING, encoding="utf-8")
    (folder / "counting_steps.py").write_text(STEPS.format(answer=1), encoding="utf-8")
    return folder


@pytest.fixture
def up(tmp_path: Path, definitions: Path) -> Iterator[Running]:
    """Give a `ratchet up` with two small workflows."""
    env = {"RATCHET_PATH": str(definitions), "RATCHET_WORKER_COUNT": "1"}
    with ratchet_up(tmp_path / "up", **env) as started:
        yield started


def execute(started: Running, name: str, value: object) -> Any:
    """Run a workflow over HTTP and return the job once it has ended, or as it stands after 20 s."""
    answer = requests.post(
        f"{started.base}/api/v1/tasks/{name}/execute",
        params={"wait": 20},
        json={"input": value},
        timeout=30,
    )
    return answer.json()


def result(started: Running, name: str, value: object) -> Any:
    return execute(started, name, value).get("job", {}).get("result")


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    left = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def of_worker(started: Running) -> psutil.Process:
    """The supervisor of the workers."""
    return next(
        child
        for child in psutil.Process(started.process.pid).children()
        if "worker" in child.cmdline()
    )


def test_up_tells_where_it_is_and_what_to_try(up: Running) -> None:
    text = wait_for(lambda: up.text() if "Ctrl-C" in up.text() else None, "the banner")

    assert up.base in text
    assert str(up.log.parent / "data") in text
    assert "2 workflow versions" in text
    assert "curl" in text


def test_a_script_and_a_python_step_run_over_http(up: Running) -> None:
    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"
    assert result(up, "counting", {}) == {"answer": 1}


def test_sigterm_ends_everything_within_seconds(up: Running) -> None:
    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"
    family = up.children()

    up.process.send_signal(signal.SIGTERM)
    code = up.process.wait(CLEAN_END_S)

    assert code == 0
    assert len(family) >= 4
    wait_for(lambda: not alive(family), "all processes to end", timeout_s=3)


def test_a_second_request_does_not_wait_for_running_steps(up: Running, definitions: Path) -> None:
    sleepy = "(function () { while (true) {} })"
    (definitions / "sleepy.js").write_text(sleepy, encoding="utf-8")
    url = f"{up.base}/api/v1/tasks/sleepy/execute"

    def status() -> str:
        job = requests.post(url, params={"wait": 1}, json={"input": {}}, timeout=30).json()
        return str(job.get("job", {}).get("status"))

    wait_for(lambda: status() == "running", "the script to run", timeout_s=40)
    family = up.children()

    up.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "ending warm" in up.text(), "the worker to be asked")
    up.process.send_signal(signal.SIGTERM)

    assert up.process.wait(CLEAN_END_S) == 0
    wait_for(lambda: not alive(family), "all processes to end", timeout_s=5)


def test_nothing_outlives_a_killed_parent(up: Running) -> None:
    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"
    family = up.children()

    up.process.kill()
    up.process.wait()

    wait_for(lambda: not alive(family), "all processes to end", timeout_s=CLEAN_END_S)


def test_a_killed_worker_and_a_killed_server_come_back(up: Running) -> None:
    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"
    for child in psutil.Process(up.process.pid).children():
        if "serve" in child.cmdline() or "worker" in child.cmdline():
            child.kill()

    def works() -> bool:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return bool(result(up, "hello", {"who": "Bob"}) == "hello Bob")
        return False

    wait_for(works, "runs to complete again", timeout_s=40)
    assert "it is started again" in up.text()


def test_a_changed_script_is_used_for_new_runs(up: Running, definitions: Path) -> None:
    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"

    (definitions / "hello.js").write_text("(function () { return 'bye'; })", encoding="utf-8")

    wait_for(lambda: result(up, "hello", {"who": "Ada"}) == "bye", "the change", timeout_s=30)


def test_changed_python_code_and_a_new_definition_are_used(up: Running, definitions: Path) -> None:
    assert result(up, "counting", {}) == {"answer": 1}
    before = of_worker(up).pid

    (definitions / "counting_steps.py").write_text(STEPS.format(answer=2), encoding="utf-8")
    (definitions / "late.js").write_text("(function () { return 'late'; })", encoding="utf-8")

    wait_for(lambda: result(up, "counting", {}) == {"answer": 2}, "the change", timeout_s=40)
    wait_for(lambda: result(up, "late", {}) == "late", "the new definition", timeout_s=30)
    assert of_worker(up).pid != before


def test_a_broken_definition_is_told_and_takes_nothing_down(up: Running, definitions: Path) -> None:
    (definitions / "broken.yaml").write_text("name: broken\nstep_templates: 1\n", encoding="utf-8")

    wait_for(lambda: "broken.yaml:2" in up.text(), "the problem to be told", timeout_s=30)

    assert result(up, "hello", {"who": "Ada"}) == "hello Ada"


def test_a_broken_definition_at_the_start_takes_nothing_down(
    tmp_path: Path, definitions: Path
) -> None:
    (definitions / "broken.yaml").write_text("name: broken\nstep_templates: 1\n", encoding="utf-8")

    with ratchet_up(tmp_path / "up", RATCHET_PATH=str(definitions)) as started:
        assert result(started, "hello", {"who": "Ada"}) == "hello Ada"
        assert "broken.yaml:2" in started.text()


def test_without_a_redis_server_everything_goes_on(tmp_path: Path, definitions: Path) -> None:
    config = tmp_path / "ratchet.yaml"
    config.write_text("redis: {url: 'redis://127.0.0.1:1/0'}\n", encoding="utf-8")

    env = {"RATCHET_PATH": str(definitions), "RATCHET_CONFIG": str(config)}
    with ratchet_up(tmp_path / "up", **env) as started:
        assert result(started, "hello", {"who": "Ada"}) == "hello Ada"


def test_an_address_that_is_taken_is_refused_before_anything_starts(
    up: Running, ratchet: Ratchet
) -> None:
    port = up.base.rpartition(":")[2]

    ended = ratchet("up", "--port", port)

    assert ended.returncode == 4
    assert "--port" in ended.stderr


def test_broken_definitions_refuse_the_start_where_that_is_wanted(
    ratchet: Ratchet, definitions: Path
) -> None:
    (definitions / "broken.yaml").write_text("name: broken\nstep_templates: 1\n", encoding="utf-8")

    ended = ratchet(
        "up",
        "--port",
        str(free_port()),
        RATCHET_PATH=str(definitions),
        RATCHET_DEVELOPMENT_VALIDATE_ON_STARTUP="true",
    )

    assert ended.returncode == 3
    assert "broken.yaml:2" in ended.stderr


def test_the_parts_work_one_by_one_and_the_server_keeps_stored_content(
    tmp_path: Path, definitions: Path, ratchet: Ratchet
) -> None:
    where = {"RATCHET_PATH": str(definitions), "RATCHET_DATA_DIR": str(tmp_path / "data")}
    assert ratchet("workflows", "sync", **where).returncode == 0
    (definitions / "hello.js").write_text("(function () { return 'bye'; })", encoding="utf-8")
    env = environment(tmp_path, **where)

    with (
        running(["serve", "--port", "0"], tmp_path, env, log="serve.log") as server,
        running(["worker", "--slots", "1"], tmp_path, env, log="worker.log") as worker,
    ):
        announced = wait_for(
            lambda: re.search(r"serving (http://\S+)", server.text()), "the address", timeout_s=40
        )
        server.base = announced[1]
        assert result(server, "hello", {"who": "Ada"}) == "hello Ada", worker.text()
        assert "default.hello@1.0.0 has changed" in server.text()
        drains = wait_for(
            lambda: document(ratchet("info", "--json", **where))["drains"], "a drain", timeout_s=20
        )
        assert drains[0]["queues"] == ["default"]
        assert worker.stop() == 0
