"""Tests of schedules in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

Ask = Callable[..., dict[str, Any]]

CREATE = """mutation($name: String, $cron: String = "0 9 * * 1-5") {
  createSchedule(
    taskId: "echo", cronExpression: $cron, timezone: "Europe/Berlin", name: $name
    input: {city: "Paris"}, overlap: "skip", maxRuns: 3, metadata: {team: "north"}
  ) { schedule {
    id name task_id cron_expression timezone input overlap max_runs metadata enabled
    next_run_at runs_remaining preview(count: 2) { at local is_dst shift }
  } }
}"""

MAKE = "mutation { createSchedule(%s) { schedule { id } } }"


def code_of(body: dict[str, Any]) -> str:
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@pytest.fixture
def schedule(ask: Ask) -> Iterator[dict[str, Any]]:
    """Give a schedule that is gone afterwards."""
    made = ask(CREATE, name="report")["data"]["createSchedule"]["schedule"]
    yield made
    ask("mutation($id: ID!) { deleteSchedule(id: $id) { id } }", id=made["id"])


def test_a_schedule_is_made_as_it_is_written(schedule: dict[str, Any]) -> None:
    assert schedule["task_id"] == "echo"
    assert schedule["input"] == {"city": "Paris"}
    assert (schedule["overlap"], schedule["max_runs"], schedule["runs_remaining"]) == ("skip", 3, 3)
    assert schedule["metadata"] == {"team": "north"}
    assert schedule["enabled"] is True
    assert schedule["preview"][0]["at"] == schedule["next_run_at"]
    assert all("T09:00:00+0" in time["local"] for time in schedule["preview"])


def test_schedules_are_listed_and_found(ask: Ask, schedule: dict[str, Any]) -> None:
    body = ask(
        """query($id: ID!) {
          all: schedules { total items { id preview(count: 1) { at } } }
          named: schedules(name: "report", enabled: true, taskId: "echo") { items { id } }
          none: schedules(taskId: "absent") { total items { id } }
          one: schedule(id: $id) { name }
        }""",
        id=schedule["id"],
    )

    assert schedule["id"] in [item["id"] for item in body["data"]["all"]["items"]]
    assert body["data"]["named"]["items"] == [{"id": schedule["id"]}]
    assert body["data"]["none"] == {"total": 0, "items": []}
    assert body["data"]["one"] == {"name": "report"}


def test_only_what_is_given_is_changed(ask: Ask, schedule: dict[str, Any]) -> None:
    body = ask(
        """mutation($id: ID!) { updateSchedule(id: $id, cronExpression: "@daily", maxRuns: null) {
          schedule { cron_expression max_runs name timezone input }
        } }""",
        id=schedule["id"],
    )

    assert body["data"]["updateSchedule"]["schedule"] == {
        "cron_expression": "@daily",
        "max_runs": None,
        "name": "report",
        "timezone": "Europe/Berlin",
        "input": {"city": "Paris"},
    }


def test_a_schedule_is_switched_off_and_on(ask: Ask, schedule: dict[str, Any]) -> None:
    query = "mutation($id: ID!) { %s(id: $id) { schedule { enabled next_run_at } } }"

    off = ask(query % "disableSchedule", id=schedule["id"])["data"]["disableSchedule"]["schedule"]
    on = ask(query % "enableSchedule", id=schedule["id"])["data"]["enableSchedule"]["schedule"]

    assert off == {"enabled": False, "next_run_at": None}
    assert on == {"enabled": True, "next_run_at": schedule["next_run_at"]}


def test_a_triggered_job_is_in_the_history(ask: Ask, schedule: dict[str, Any]) -> None:
    key = schedule["id"]
    body = ask("mutation($id: ID!) { triggerSchedule(id: $id) { job { id input } } }", id=key)
    job = body["data"]["triggerSchedule"]["job"]

    history = ask(
        """query($id: ID!) {
          scheduleHistory(id: $id, limit: 5) { total items { id schedule_id steps { name } } }
          jobs(scheduleId: $id) { items { id } }
        }""",
        id=key,
    )["data"]

    assert job["input"] == {"city": "Paris"}
    assert history["scheduleHistory"]["total"] == 1
    assert history["scheduleHistory"]["items"][0]["schedule_id"] == key
    assert history["jobs"]["items"] == [{"id": job["id"]}]


def test_a_deleted_schedule_is_gone(ask: Ask) -> None:
    key = ask(CREATE)["data"]["createSchedule"]["schedule"]["id"]

    deleted = ask("mutation($id: ID!) { deleteSchedule(id: $id) { id } }", id=key)
    gone = ask("query($id: ID!) { schedule(id: $id) { id } }", id=key)

    assert deleted["data"]["deleteSchedule"] == {"id": key}
    assert code_of(gone) == "SCHEDULE_NOT_FOUND"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ schedule(id: "absent") { id } }', "SCHEDULE_NOT_FOUND"),
        ('{ scheduleHistory(id: "absent") { total } }', "SCHEDULE_NOT_FOUND"),
        ('mutation { triggerSchedule(id: "absent") { job { id } } }', "SCHEDULE_NOT_FOUND"),
        ('mutation { updateSchedule(id: "absent") { schedule { id } } }', "SCHEDULE_NOT_FOUND"),
        (MAKE % 'taskId: "echo", cronExpression: "odd"', "VALIDATION_FAILED"),
        (MAKE % 'taskId: "absent", cronExpression: "@daily"', "TASK_NOT_FOUND"),
        (MAKE % 'taskId: "echo", cronExpression: "@daily", overlap: "odd"', "BAD_REQUEST"),
        ('{ schedules(sort: "odd") { total } }', "BAD_REQUEST"),
        (
            "{ schedules(limit: 1000) { items { preview(count: 100) { at } } } }",
            "QUERY_TOO_COMPLEX",
        ),
    ],
)
def test_what_is_wrong_is_told_with_a_stable_code(ask: Ask, query: str, code: str) -> None:
    assert code_of(ask(query)) == code


def test_previews_of_many_schedules_cost_one_statement(ask: Ask) -> None:
    keys = [ask(CREATE)["data"]["createSchedule"]["schedule"]["id"] for _ in range(4)]

    items = ask("{ schedules { items { id preview(count: 3) { at } } } }")["data"]["schedules"]

    assert {item["id"] for item in items["items"]} >= set(keys)
    assert all(len(item["preview"]) == 3 for item in items["items"])
    for key in keys:
        ask("mutation($id: ID!) { deleteSchedule(id: $id) { id } }", id=key)
