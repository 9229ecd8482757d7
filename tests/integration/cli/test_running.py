"""`ratchet run`, and the commands that look at stored runs."""

from __future__ import annotations

import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.integration.cli.conftest import Ratchet, document
from tests.processes import RATCHET, environment
from tests.waiting import wait_for

EXAMPLES = ROOT / "contrib" / "examples"
PAYMENT = '{"payment_id": 12345, "amount": 99.99, "currency": "USD", "customer_id": 67890}'


def write_steps(folder: Path, body: str) -> Path:
    """Write a workflow of one Python step whose `process` is `body`."""
    folder.mkdir(exist_ok=True)
    (folder / "slow_steps.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from ratchet_core.sdk import StepHandler\n"
        "class Slow(StepHandler):\n"
        "    def process(self, context):\n"
        f"        {body}\n",
        encoding="utf-8",
    )
    (folder / "slow.yaml").write_text(
        "name: slow\nstep_templates:\n  - name: slow\n    handler_class: slow_steps.Slow\n",
        encoding="utf-8",
    )
    return folder


def test_a_script_runs_by_its_path(ratchet: Ratchet) -> None:
    ended = ratchet("run", EXAMPLES / "addition", "--input", '{"num1": 2, "num2": 3}')

    assert ended.stdout == 'Result: {"sum":5}\n'
    assert "addition: completed" in ended.stderr
    assert ended.returncode == 0


def test_a_workflow_of_several_steps_runs_by_its_name(ratchet: Ratchet) -> None:
    ended = ratchet(
        "run",
        "payments.process_payment@2.1.0",
        "--input",
        "-",
        "--json",
        given=PAYMENT,
        RATCHET_PATH=str(EXAMPLES),
    )

    run = document(ended)
    assert run["workflow"] == "payments.process_payment@2.1.0"
    assert run["state"] == "completed"
    assert [step["state"] for step in run["steps"]] == ["completed"] * 4
    assert ended.returncode == 0


def test_the_input_may_be_a_file(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"num1": 1, "num2": 1}', encoding="utf-8")

    ended = ratchet("run", EXAMPLES / "addition", "--input", "@input.json")

    assert ended.stdout == 'Result: {"sum":2}\n'


def test_a_failed_run_is_exit_code_1_with_its_error(ratchet: Ratchet) -> None:
    ended = ratchet("run", EXAMPLES / "weather-api", "--input", '{"city": "Atlantis"}')

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "NotFoundError: City not found: Atlantis" in ended.stderr


def test_an_input_that_breaks_the_schema_is_refused_with_its_place(ratchet: Ratchet) -> None:
    ended = ratchet("run", EXAMPLES / "addition", "--input", '{"num1": "2"}')

    assert ended.returncode == 1
    assert "input.num1" in ended.stderr


@pytest.mark.parametrize("given", ["{", "@absent.json", "NaN", ""])
def test_an_input_that_is_no_json_is_a_wrong_command_line(given: str, ratchet: Ratchet) -> None:
    ended = ratchet("run", EXAMPLES / "addition", "--input", given)

    assert ended.returncode == 2
    assert "--input" in ended.stderr


def test_an_unknown_workflow_is_named_with_those_that_are_there(ratchet: Ratchet) -> None:
    ended = ratchet("run", "nope", RATCHET_PATH=str(EXAMPLES / "addition"))

    assert ended.returncode == 1
    assert "defined are default.addition" in ended.stderr


def test_a_broken_definition_is_told_with_its_place(ratchet: Ratchet, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("name: broken\nstep_templates: 7\n", encoding="utf-8")

    ended = ratchet("run", "broken.yaml")

    assert ended.returncode == 3
    assert "broken.yaml:2" in ended.stderr


#: Also where the tests themselves run behind `nohup`, which has all they start ignore it.
_HEEDS_CTRL_C = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_cancels_the_run(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    body = f"Path({str(marker)!r}).touch()\n        while not context.cancelled: time.sleep(0.01)"
    folder = write_steps(tmp_path / "flows", body)
    process = subprocess.Popen(
        [RATCHET, "run", "slow", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path, RATCHET_PATH=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_HEEDS_CTRL_C,  # noqa: PLW1509 - it takes no lock
    )
    wait_for(marker.exists, "the step to start", timeout_s=40)

    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)

    assert process.returncode == 130, errors
    assert '"state":"cancelled"' in output


def test_ctrl_c_does_not_wait_for_a_step_that_looks_at_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    body = f"Path({str(marker)!r}).touch(); time.sleep(600)"
    folder = write_steps(tmp_path / "flows", body)
    process = subprocess.Popen(
        [RATCHET, "run", "slow"],
        cwd=tmp_path,
        env=environment(tmp_path, RATCHET_PATH=str(folder)),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_HEEDS_CTRL_C,  # noqa: PLW1509 - it takes no lock
    )
    wait_for(marker.exists, "the step to start", timeout_s=40)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_run_of_its_own_leaves_nothing_behind(ratchet: Ratchet, tmp_path: Path) -> None:
    ratchet("run", EXAMPLES / "addition", "--input", '{"num1": 2, "num2": 3}')

    assert list(tmp_path.iterdir()) == []


def test_a_run_in_a_configured_database_can_be_looked_at_and_retried(
    ratchet: Ratchet, tmp_path: Path
) -> None:
    switch = tmp_path / "go"
    body = f"""return {{"went": Path({str(switch)!r}).exists() or 1 // 0}}"""
    folder = write_steps(tmp_path / "flows", body)
    where = {
        "RATCHET_DATABASE_URL": f"sqlite:///{tmp_path / 'kept.db'}",
        "RATCHET_PATH": str(folder),
    }
    step = "    default_retryable: false\n"
    with (folder / "slow.yaml").open("a", encoding="utf-8") as file:
        file.write(step)

    failed = ratchet("run", "slow", **where)
    listed = document(ratchet("runs", "list", "--state", "failed", "--json", **where))
    switch.touch()
    run_id = listed["items"][0]["id"]
    retried = document(ratchet("runs", "retry", run_id, "--json", **where))
    worked = ratchet("worker", "--burst", "--slots", "1", **where)
    shown = document(ratchet("runs", "show", run_id, "--json", **where))
    again = ratchet("runs", "retry", run_id, **where)

    assert failed.returncode == 1
    assert listed["total"] == 1
    assert retried["state"] == "pending"
    assert worked.returncode == 0, worked.stderr
    assert (shown["state"], shown["result"]) == ("completed", {"went": True})
    assert again.returncode == 1
    assert "ratchet: " in again.stderr


def test_what_waits_is_shown_and_can_be_cancelled(ratchet: Ratchet, tmp_path: Path) -> None:
    where = {"RATCHET_PATH": str(EXAMPLES / "addition")}
    ratchet("workflows", "sync", **where)

    names = [item["name"] for item in document(ratchet("workflows", "list", "--json"))["items"]]
    info = document(ratchet("info", "--json"))
    unknown = ratchet("runs", "cancel", "01a20515-1a27-7634-86cb-35ae5f3d26f1")

    assert names == ["addition"]
    assert info == {"queues": [], "drains": []}
    assert unknown.returncode == 1
    assert "does not exist" in unknown.stderr


def test_a_database_without_a_schema_is_exit_code_4_with_the_remedy(ratchet: Ratchet) -> None:
    before = ratchet("runs", "list")
    status = ratchet("db", "status")
    upgraded = ratchet("db", "upgrade")
    after = ratchet("db", "status", "--json")

    assert before.returncode == 4
    assert "ratchet db upgrade" in before.stderr
    assert status.returncode == 1
    assert upgraded.returncode == 0
    assert document(after)["is_current"] is True


def test_a_database_that_does_not_answer_is_exit_code_4(ratchet: Ratchet) -> None:
    ended = ratchet("info", RATCHET_DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/none")

    assert ended.returncode == 4
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_changed_version_is_refused_until_it_is_to_be_replaced(
    ratchet: Ratchet, tmp_path: Path
) -> None:
    script = tmp_path / "flows" / "hello.js"
    script.parent.mkdir()
    script.write_text("(function () { return 1; })", encoding="utf-8")
    where = {"RATCHET_PATH": str(script.parent)}
    ratchet("workflows", "sync", **where)
    script.write_text("(function () { return 2; })", encoding="utf-8")

    refused = ratchet("workflows", "sync", **where)
    replaced = ratchet("workflows", "sync", "--replace", "--json", **where)

    assert refused.returncode == 3
    assert "default.hello@1.0.0 has changed" in refused.stderr
    assert document(replaced)["replaced"] == ["default.hello@1.0.0"]
