"""`ratchet schedules`: declared by a file, listed, previewed, triggered and switched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Ratchet, document

FLOW = """\
name: greet
step_templates:
  - name: greet
    handler_class: javascript
    handler_config: {script: greet.js}
schedules:
  - name: every morning
    cron_expression: "30 2 * * *"
    timezone: Europe/Berlin
    starts_at: 2027-03-27T00:00:00Z
    input: {who: Ada}
"""


@pytest.fixture
def stored(ratchet: Ratchet, tmp_path: Path) -> Ratchet:
    """Give `ratchet` over a database that holds the schedule of a file."""
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "greet.yaml").write_text(FLOW)
    (folder / "greet.js").write_text("(input) => input.who")
    ended = ratchet("workflows", "sync", RATCHET_PATH=str(folder))
    assert ended.returncode == 0, ended.stderr
    return ratchet


def test_a_declared_schedule_is_listed_shown_and_previewed(stored: Ratchet) -> None:
    listed = document(stored("schedules", "list", "--json"))
    [schedule] = listed["items"]

    assert (listed["total"], schedule["name"]) == (1, "every morning")
    assert schedule["workflow"] == "default.greet"
    assert schedule["input"] == {"who": "Ada"}
    shown = stored("schedules", "show", "every morning").stdout
    assert "30 2 * * * in Europe/Berlin" in shown
    preview = document(stored("schedules", "preview", schedule["id"], "--json"))
    assert len(preview["items"]) == 20
    assert preview["items"][1]["shift"] == "gap"


def test_a_schedule_is_switched_and_triggered_by_its_name(stored: Ratchet) -> None:
    disabled = document(stored("schedules", "disable", "every morning", "--json"))
    run = document(stored("schedules", "trigger", "every morning", "--json"))
    enabled = document(stored("schedules", "enable", "every morning", "--json"))

    assert (disabled["enabled"], disabled["next_run_at"]) == (False, None)
    assert (run["workflow"], run["input"]) == ("default.greet@0.1.0", {"who": "Ada"})
    assert enabled["next_run_at"] == "2027-03-27T01:30:00Z"
    assert enabled["last_run_id"] == run["id"]


def test_an_unknown_schedule_is_told(stored: Ratchet) -> None:
    ended = stored("schedules", "show", "every evening")

    assert ended.returncode == 1
    assert "Schedule 'every evening' does not exist" in ended.stderr


def test_a_schedule_is_made_and_deleted(stored: Ratchet) -> None:
    made = document(
        stored(
            *("schedules", "create", "greet", "0 9 * * MON-FRI", "--name", "at nine"),
            *("--timezone", "Asia/Tokyo", "--input", '{"who": "Bo"}', "--priority", "5"),
            *("--catchup", "all", "--max-catchup", "3", "--overlap", "skip", "--max-runs", "9"),
            *("--starts-at", "2030-01-01T00:00:00Z", "--ends-at", "2031-01-01T00:00:00Z"),
            "--json",
        )
    )
    resting = stored("schedules", "create", "greet", "@daily", "--disabled")
    deleted = document(stored("schedules", "delete", "at nine", "--json"))
    listed = document(stored("schedules", "list", "--json"))

    assert (made["workflow"], made["cron_expression"]) == ("default.greet", "0 9 * * MON-FRI")
    assert (made["timezone"], made["input"]) == ("Asia/Tokyo", {"who": "Bo"})
    assert (made["catchup"], made["max_catchup"], made["overlap"]) == ("all", 3, "skip")
    assert (made["priority"], made["max_runs"]) == (5, 9)
    assert made["next_run_at"] == "2030-01-01T00:00:00Z"  # a Tuesday, nine o'clock there
    assert "state    disabled" in resting.stdout
    assert deleted["id"] == made["id"]
    assert [item["name"] for item in listed["items"]] == [None, "every morning"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["greet", "61 * * * *"], 1, "minute: '61' is not valid"),
        (["greet", "0 0 30 2 *"], 1, "a date that never comes"),
        (["greet", "@daily", "--timezone", "Mars/Base"], 1, "no time zone 'Mars/Base'"),
        (["greet", "@daily", "--ends-at", "2020-01-01T00:00:00Z"], 1, "is past"),
        (["greet", "@daily", "--name", "every morning"], 1, "'every morning' belongs to schedule"),
        (["nobody", "@daily"], 1, "does not exist"),
        (["greet", "@daily", "--ends-at", "tomorrow"], 2, "--ends-at"),
        (["greet", "@daily", "--input", "{"], 2, "it is no JSON"),
        (["greet", "@daily", "--overlap", "maybe"], 2, "'maybe' is not one of"),
        (["greet"], 2, "Missing argument 'CRON'"),
    ],
)
def test_a_schedule_that_is_wrong_is_refused_and_changes_nothing(
    stored: Ratchet, arguments: list[str], code: int, said: str
) -> None:
    ended = stored("schedules", "create", *arguments)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert document(stored("schedules", "list", "--json"))["total"] == 1


def test_a_schedule_that_is_not_there_cannot_be_deleted(stored: Ratchet) -> None:
    ended = stored("schedules", "delete", "every evening", "--json")

    assert ended.returncode == 1
    assert "Schedule 'every evening' does not exist" in ended.stderr
