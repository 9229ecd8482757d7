"""`ratchet runs`, `workflows`, `queues`: pause, resume, do again, and act on many at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ratchet_core.config import load_settings
from ratchet_core.domain.views import RunView
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet as Runtime
from tests.integration.cli.conftest import Ratchet, document
from tests.processes import environment

FLOW = """\
name: greet
step_templates:
  - name: greet
    handler_class: javascript
    handler_config: {script: greet.js}
"""


class Stored:
    """A database with one workflow, and the command line over it."""

    def __init__(self, call: Ratchet, folder: Path) -> None:
        self.call, self.folder = call, folder

    def submit(self, count: int = 1) -> list[str]:
        """Make runs."""
        settings = load_settings(None, environment(self.folder)).settings
        runtime = Runtime(settings, {})
        request = SubmitRequest(namespace="default", name="greet", input={"n": 1})
        made: list[RunView] = [runtime.engine.submit(request).run for _ in range(count)]
        runtime.close()
        return [run.id for run in made]

    def json(self, *arguments: str) -> Any:
        """Return what a command prints as JSON."""
        return document(self.call(*arguments, "--json"))


@pytest.fixture
def stored(ratchet: Ratchet, tmp_path: Path) -> Stored:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "greet.yaml").write_text(FLOW)
    (folder / "greet.js").write_text("(input) => input.n")
    ended = ratchet("workflows", "sync", RATCHET_PATH=str(folder))
    assert ended.returncode == 0, ended.stderr
    return Stored(ratchet, tmp_path)


def test_a_run_is_paused_resumed_and_done_again(stored: Stored) -> None:
    [run_id] = stored.submit()

    paused = stored.call("runs", "pause", run_id)
    listed = stored.json("runs", "list", "--state", "paused")
    resumed = stored.call("runs", "resume", run_id)
    again = stored.json("runs", "rerun", run_id, "--version", "latest")

    assert f"run {run_id} is paused, waits for: resume" in paused.stdout
    assert [run["id"] for run in listed["items"]] == [run_id]
    assert f"run {run_id} is pending" in resumed.stdout
    assert again["id"] != run_id
    assert again["input"] == {"n": 1}
    refused = stored.call("runs", "rerun", run_id, "--version", "newest")
    assert refused.returncode == 1
    assert "same, latest or a version" in refused.stderr


def test_many_runs_are_looked_at_before_they_are_changed(stored: Stored) -> None:
    runs = stored.submit(3)

    look = stored.json("runs", "cancel", "--workflow", "greet", "--dry-run")
    wrong = stored.call("runs", "cancel", "--workflow", "greet", "--expect", "2")
    done = stored.json("runs", "cancel", "--workflow", "greet", "--expect", "3")
    deleted = stored.call("runs", "delete", "--state", "cancelled", "--limit", "2")

    assert (look["matched"], [run["id"] for run in look["sample"]]) == (3, runs)
    assert wrong.returncode == 1
    assert "3 match, not 2; nothing was changed" in wrong.stderr
    assert done == {"matched": 3, "done": 3, "skipped": 0, "remaining": 0}
    assert "delete: 2 of 3 runs, 1 are left" in deleted.stdout
    assert stored.json("runs", "list")["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name a RUN_ID, or a filter"),
        (("some-id", "--state", "pending"), "either a RUN_ID or a filter"),
        (("--state", "pending"), "say --dry-run first"),
        (("--state", "pending", "--dry-run", "--limit", "3"), "neither --expect nor --limit"),
        (("--created-before", "yesterday", "--dry-run"), "is not a time such as"),
        (("--dry-run",), "is empty and would match everything"),
        (("--all", "--state", "pending", "--dry-run"), "together with a filter"),
        (("--state", "completed", "--dry-run"), "applies only to what is pending"),
        (("--workflow", "nothing", "--limit", "5"), "Nothing matches"),
    ],
)
def test_what_is_not_clear_is_refused_and_changes_nothing(
    stored: Stored, arguments: tuple[str, ...], told: str
) -> None:
    stored.submit()

    ended = stored.call("runs", "cancel", *arguments)

    assert ended.returncode in {1, 2}
    assert told in " ".join(ended.stderr.replace("│", " ").split())
    assert "Traceback" not in ended.stderr
    assert stored.json("runs", "list", "--state", "pending")["total"] == 1


def test_a_workflow_and_a_queue_are_paused_and_resumed(stored: Stored) -> None:
    stored.submit()

    assert stored.json("workflows", "pause", "greet") == {
        "workflow": "default.greet",
        "paused": True,
        "changed": True,
    }
    again = stored.call("workflows", "pause", "greet").stdout
    assert "workflow default.greet is paused, as it was before" in again
    assert stored.json("workflows", "resume", "greet")["changed"] is True
    unknown = stored.call("workflows", "pause", "nothing")
    assert unknown.returncode == 1
    assert "Workflow 'default.nothing' does not exist" in unknown.stderr
    assert stored.call("workflows", "pause", "greet@0.1.0").returncode == 2
    assert "queue default is paused" in stored.call("queues", "pause", "default").stdout
    [queue] = stored.json("queues", "list")["items"]
    assert (queue["queue"], queue["ready"], queue["paused"]) == ("default", 1, True)
    assert queue["paused_by"] == "command line"
    assert stored.json("queues", "resume", "default")["changed"] is True
    assert stored.call("queues", "pause", "x" * 65).returncode == 1
