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
