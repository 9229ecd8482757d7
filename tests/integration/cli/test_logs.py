"""`ratchet logs` over a stored database: search, follow, and the report of failures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson
import pytest
import requests

from tests.integration.cli.conftest import Ended, Ratchet, caller, document
from tests.integration.cli.filled import fill
from tests.processes import RATCHET, environment, ratchet_up

DEFINITIONS = Path(__file__).resolve().parents[2] / "acceptance" / "definitions"

SCRIPT = """
(function (input) {
  console.debug("starting");
  console.log("working on", input.name);
  console.error("token=abc123456 went wrong");
  if (input.bad) { throw new NetworkError("connection refused by ```db```"); }
  return input.name;
})
"""
PATTERNS = """
- name: our_database
  regex: 'refused by .*db'
  category: database
  suggestion: Wake the database.
"""


class Stored:
    """`ratchet` over a database that holds three runs, one of them failed."""

    def __init__(self, ratchet: Ratchet, folder: Path) -> None:
        self.ratchet = ratchet
        self.folder = folder
        (folder / "patterns.yaml").write_text(PATTERNS, encoding="utf-8")
        inputs = [{"name": "Ada"}, {"name": "Bob"}, {"name": "Eve", "bad": True}]
        self.url = f"sqlite:///{fill(folder, 'noisy', SCRIPT, inputs)}"
        self.runs = document(self("runs", "list", "--json"))["items"]

    def __call__(self, *arguments: str, **variables: str) -> Ended:
        return self.ratchet(*arguments, RATCHET_DATABASE_URL=self.url, **variables)

    def lines(self, *arguments: str) -> list[str]:
        ended = self("logs", *arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return [orjson.loads(line)["message"] for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("stored")
    return Stored(caller(folder), folder)


def test_lines_are_shown_searched_and_followed(stored: Stored) -> None:
    ada = next(run for run in stored.runs if run["input"]["name"] == "Ada")

    assert stored.lines(ada["id"]) == ["starting", "working on Ada", "token=******** went wrong"]
    assert stored.lines("--grep", "WORKING", "--since", "1 hour ago") == [
        "working on Ada",
        "working on Bob",
        *["working on Eve"] * 3,  # a network error is retried
    ]
    assert (
        stored.lines("--level", "error", "--workflow", "noisy", "--limit", "2")
        == ["token=******** went wrong"] * 2
    )
    assert stored.lines(ada["id"], "-f", "--level", "info")[0] == "working on Ada"
    assert stored.lines("--since", "2999-01-01") == []
    plain = stored("logs", ada["id"]).stdout.splitlines()
    assert plain[1].split(maxsplit=3)[2:] == ["info", "noisy/noisy#1 working on Ada"]


def test_what_is_wrong_is_said(stored: Stored) -> None:
    absent = stored("logs", "01a20503-afd6-71c6-870c-000000000000")
    moment = stored("logs", "--since", "yesterday")

    assert (absent.returncode, moment.returncode) == (1, 2)
    assert "01a20503-afd6-71c6-870c-000000000000" in absent.stderr
    assert "'yesterday' is no moment such as 15m" in moment.stderr


def test_ratchet_113_failures_are_reported_for_a_language_model(stored: Stored) -> None:
    failed = next(run for run in stored.runs if run["state"] == "failed")

    report = stored("logs", "export", "--format", "llm", "--since", "1 hour ago").stdout

    assert report.startswith("# Failure report\n\n## Summary\n\n- Time range: ")
    assert "- Runs submitted: 3, of which 1 have failed" in report
    assert "- Affected tasks: default.noisy" in report
    assert "### 1. NetworkError in default.noisy" in report
    assert "- Pattern: connection_refused (network)" in report
    assert "- Suggested fix: Check that the other side runs" in report
    assert f"run {failed['id']}" in report
    assert "````text\nconnection refused by ```db```\n````" in report
    assert "error token=******** went wrong" in report
    assert "abc123456" not in report


def test_ratchet_113_own_patterns_come_first_and_the_document_has_its_keys(
    stored: Stored,
) -> None:
    own = {"RATCHET_LOGS_ERROR_PATTERNS": str(stored.folder / "patterns.yaml")}

    found = document(stored("logs", "export", "--format", "json", **own))

    assert list(found) == [
        "error_summary",
        "execution_context",
        "system_state",
        "recent_operations",
        "similar_errors",
        "matched_patterns",
        "relevant_context",
        "suggested_prompts",
        "metadata",
    ]
    [pattern] = found["matched_patterns"]
    assert (pattern["name"], pattern["suggestion"]) == ("our_database", "Wake the database.")
    assert found["error_summary"]["groups"][0]["count"] == pattern["count"]
    assert found["recent_operations"][-1]["message"] == "token=******** went wrong"


def test_lines_are_exported_one_by_one(stored: Stored) -> None:
    ended = stored("logs", "export", "--format", "jsonl")

    lines = [orjson.loads(line) for line in ended.stdout.splitlines()]
    assert [line["sequence"] for line in lines] == sorted(line["sequence"] for line in lines)
    assert {line["workflow"] for line in lines} == {"default.noisy"}


def test_lines_of_a_running_step_are_followed_to_the_end_of_its_run(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ratchet_up(tmp_path, RATCHET_PATH=str(DEFINITIONS)) as started:
        body = {"input": {"gate": str(gate), "word": "live"}}
        answer = requests.post(
            f"{started.base}/api/v1/tasks/talking/execute", json=body, timeout=20
        )
        run_id = answer.json()["job"]["id"]
        follower = subprocess.Popen(
            [RATCHET, "logs", run_id, "-f", "--json"],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert follower.stdout is not None
        early = orjson.loads(follower.stdout.readline())["message"]
        assert follower.poll() is None
        gate.touch()
        rest = follower.stdout.readlines()  # to its end
        follower.stdout.close()
        assert follower.wait(30) == 0

    assert early == "working on live"
    assert [orjson.loads(line)["message"] for line in rest] == [
        "password=******** for live",
        "done with live",
    ]
