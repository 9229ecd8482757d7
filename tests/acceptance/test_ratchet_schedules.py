"""acceptance.md, Ratchet: schedules."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.acceptance.conftest import DEFINITIONS, Api
from tests.processes import Running, ratchet_up
from tests.waiting import wait_for

#: As the seed has it ("Schedules").
SEED = {"task_id": "daily-report", "cron_expression": "0 9 * * *", "input": {}, "enabled": True}
EVERY_SECOND = "* * * * * *"
UNKNOWN = "01a20503-afd6-71c6-870c-000000000000"

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def make(api: Api) -> Iterator[Make]:
    """Give a function that makes a schedule; all go away with the test."""
    made: list[str] = []

    def create(**fields: Any) -> dict[str, Any]:
        answer = api.post("/api/v1/schedules", json={**SEED, "task_id": "echo", **fields})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        found: dict[str, Any] = answer.json()
        return found

    yield create
    for schedule_id in made:
        api.delete(f"/api/v1/schedules/{schedule_id}")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def jobs_of(api: Api, schedule_id: str) -> list[dict[str, Any]]:
    page = api.get(f"/api/v1/jobs?schedule_id={schedule_id}&limit=1000").json()
    found: list[dict[str, Any]] = page["items"]
    return found


def test_ratchet_038_a_schedule_is_made_as_the_seed_makes_it(api: Api) -> None:
    answer = api.post("/api/v1/schedules", json=SEED)

    assert answer.status_code == 201
    schedule = answer.json()
    assert schedule["id"]
    assert {key: schedule[key] for key in SEED} == SEED
    api.delete(f"/api/v1/schedules/{schedule['id']}")


def test_ratchet_039_no_name_is_needed_and_an_unknown_task_is_404(api: Api, make: Make) -> None:
    unknown = api.post("/api/v1/schedules", json={**SEED, "task_id": "nothing"})

    assert make()["name"] is None
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == "TASK_NOT_FOUND"
    assert make(task_id="shop.diamond")["task_id"] == "shop.diamond"
    assert make(task_id="shelf.versioned@1.9.0")["version"] == "1.9.0"


def test_ratchet_040_five_fields_mean_what_cron_means(make: Make) -> None:
    schedule = make(cron_expression="0 9 * * *")

    next_run = at(schedule["next_run_at"])
    assert (next_run.hour, next_run.minute, next_run.second) == (9, 0, 0)
    now = datetime.now(UTC)
    assert now < next_run <= now + timedelta(days=1, seconds=1)


@pytest.mark.parametrize(
    ("cron", "field"),
    [
        ("0 25 * * *", "hour"),
        ("0 0 31 2 *", "day of month"),
        ("every day", "fields"),
        ("0 9 * * FUNDAY", "day of week"),
        ("", "fields"),
    ],
)
def test_ratchet_040_an_invalid_expression_is_400_and_names_the_field(
    api: Api, cron: str, field: str
) -> None:
    answer = api.post("/api/v1/schedules", json={**SEED, "cron_expression": cron})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "ValidationError"
    assert field in error["details"]["cron_expression"][0]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}, "ends_at"),
        ({"max_runs": 0}, "max_runs"),
        ({"catchup": "some"}, "catchup"),
        ({"overlap": "maybe"}, "overlap"),
        ({"enabled": "yes"}, "enabled"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"priority": "extreme"}, "priority"),
        ({"crontab": "x"}, "crontab"),
        ({"output_destinations": [{"type": "nowhere"}]}, "output_destinations[0]"),
    ],
)
def test_ratchet_040_what_else_is_wrong_is_named_and_changes_nothing(
    api: Api, make: Make, fields: dict[str, Any], place: str
) -> None:
    schedule = make()
    url = f"/api/v1/schedules/{schedule['id']}"

    created = api.post("/api/v1/schedules", json={**SEED, **fields})
    changed = api.call("PATCH", url, json={"input": {"new": True}, **fields})

    for answer in (created, changed):
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [place]
    assert api.get(url).json() == schedule


def test_ratchet_040_overlapping_names_are_refused(api: Api, make: Make) -> None:
    make(name="mine alone")

    answer = api.post("/api/v1/schedules", json={**SEED, "name": "mine alone"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "SCHEDULE_NAME_TAKEN"


def test_ratchet_041_when_due_a_job_with_the_input_really_runs(api: Api, make: Make) -> None:
    schedule = make(cron_expression=EVERY_SECOND, input={"day": "today"}, max_runs=2)

    def done() -> bool:
        jobs = jobs_of(api, schedule["id"])
        return len(jobs) == 2 and all(job["status"] == "completed" for job in jobs)

    assert schedule["next_run_at"] is not None
    wait_for(done, "both jobs to complete")
    newer, older = jobs_of(api, schedule["id"])
    assert older["result"] == older["input"] == {"day": "today"}
    assert older["schedule_id"] == schedule["id"]
    assert older["scheduled_for"] == schedule["next_run_at"]
    assert at(newer["scheduled_for"]) - at(older["scheduled_for"]) == timedelta(seconds=1)
    ended = api.get(f"/api/v1/schedules/{schedule['id']}").json()
    assert ended["is_exhausted"]
    assert (ended["next_run_at"], ended["run_count"], ended["runs_remaining"]) == (None, 2, 0)
    assert ended["last_run_at"] == newer["scheduled_for"]
    history = api.get(f"/api/v1/schedules/{schedule['id']}/history").json()
    assert [job["id"] for job in history["items"]] == [newer["id"], older["id"]]
    assert history["total"] == 2


def test_ratchet_042_disabling_ends_the_firing_and_changes_nothing_else(
    api: Api, make: Make
) -> None:
    schedule = make(cron_expression=EVERY_SECOND, input={"n": 1})
    url = f"/api/v1/schedules/{schedule['id']}"
    wait_for(lambda: jobs_of(api, schedule["id"]), "the first job")

    answer = api.call("PATCH", url, json={"enabled": False})

    assert answer.status_code == 200
    moving = {"enabled", "next_run_at", "last_run_at", "last_job_id", "run_count", "updated_at"}
    disabled = answer.json()
    assert (disabled["enabled"], disabled["next_run_at"]) == (False, None)
    assert all(disabled[key] == schedule[key] for key in schedule if key not in moving)
    watched = make(cron_expression=EVERY_SECOND, max_runs=2)
    wait_for(lambda: len(jobs_of(api, watched["id"])) == 2, "another one to fire twice")
    assert len(jobs_of(api, schedule["id"])) == disabled["run_count"]


def test_ratchet_043_enabling_resumes_and_changes_take_effect(api: Api, make: Make) -> None:
    schedule = make(enabled=False, input={"n": 1}, max_runs=1)
    url = f"/api/v1/schedules/{schedule['id']}"

    enabled = api.call("PATCH", url, json={"enabled": True}).json()
    changes = {"cron_expression": EVERY_SECOND, "input": {"n": 2}, "timezone": "Asia/Tokyo"}
    changed = api.call("PATCH", url, json=changes).json()

    assert enabled["next_run_at"] is not None
    assert changed["next_run_at"] < enabled["next_run_at"]
    [job] = wait_for(lambda: jobs_of(api, schedule["id"]), "the job")
    assert job["input"] == {"n": 2}


def test_ratchet_043_enable_and_disable_have_routes_of_their_own(api: Api, make: Make) -> None:
    url = f"/api/v1/schedules/{make()['id']}"

    assert api.post(f"{url}/disable").json()["next_run_at"] is None
    assert api.post(f"{url}/enable").json()["next_run_at"] is not None


def test_ratchet_044_schedules_are_listed_shown_and_deleted(api: Api, make: Make) -> None:
    older, newer = make(task_id="fragile"), make(task_id="fragile", enabled=False)
    url = f"/api/v1/schedules/{older['id']}"

    page = api.get("/api/v1/schedules?task_id=fragile&limit=1").json()
    enabled = api.get("/api/v1/schedules?task_id=fragile&enabled=true").json()

    assert (page["total"], page["items"]) == (2, [newer])
    rest = api.get(f"/api/v1/schedules?task_id=fragile&cursor={page['next_cursor']}").json()
    assert rest["items"] == enabled["items"] == [older]
    assert api.get("/api/v1/schedules?sort=next_run_at&order=asc").status_code == 200
    assert api.get(url).json() == older
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert api.delete(url).json()["error"]["code"] == "SCHEDULE_NOT_FOUND"


@pytest.mark.parametrize("schedule_id", ["nope", UNKNOWN, "%00"])
def test_ratchet_044_an_unknown_schedule_is_404(api: Api, schedule_id: str) -> None:
    url = f"/api/v1/schedules/{schedule_id}"
    answers = [
        api.get(url),
        api.call("PATCH", url, json={"enabled": True}),
        api.delete(url),
        api.get(f"{url}/preview"),
        api.get(f"{url}/history"),
        *(api.post(f"{url}/{verb}") for verb in ("enable", "disable", "trigger")),
    ]

    assert [answer.status_code for answer in answers] == [404] * 8
    assert {answer.json()["error"]["code"] for answer in answers} == {"SCHEDULE_NOT_FOUND"}


def test_ratchet_044_a_filter_that_matches_nothing_lists_nothing(api: Api) -> None:
    assert api.get("/api/v1/schedules?task_id=never-heard-of").json()["items"] == []
    assert api.get("/api/v1/jobs?schedule_id=nope").json()["total"] == 0
    assert api.get("/api/v1/schedules?state=on").status_code == 400


def test_ratchet_044_a_preview_shows_the_leap_of_the_clocks(api: Api, make: Make) -> None:
    schedule = make(
        cron_expression="30 2 * * *", timezone="Europe/Berlin", starts_at="2027-03-27T00:00:00Z"
    )

    preview = api.get(f"/api/v1/schedules/{schedule['id']}/preview").json()

    assert len(preview["items"]) == 20
    assert [item["local"] for item in preview["items"][:3]] == [
        "2027-03-27T02:30:00+01:00",
        "2027-03-28T03:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]
    assert [item["is_dst"] for item in preview["items"][:2]] == [False, True]
    assert preview["items"][1]["shift"] == "gap"


def test_ratchet_044_a_trigger_runs_now(api: Api, make: Make) -> None:
    schedule = make(enabled=False, input={"now": True})

    answer = api.post(f"/api/v1/schedules/{schedule['id']}/trigger")

    assert answer.status_code == 201
    job = api.finished(answer.json()["job"]["id"])
    assert (job["schedule_id"], job["scheduled_for"]) == (schedule["id"], None)
    assert job["result"] == {"now": True}


def test_ratchet_044_a_schedule_whose_task_is_gone_is_kept_and_says_so(
    api: Api, make: Make
) -> None:
    schedule = make(task_id="switchable")
    api.post("/api/v1/tasks/switchable/disable")
    try:
        shown = api.get(f"/api/v1/schedules/{schedule['id']}").json()
        triggered = api.post(f"/api/v1/schedules/{schedule['id']}/trigger")
    finally:
        api.post("/api/v1/tasks/switchable/enable")

    assert "disabled" in shown["problem"]
    assert triggered.status_code == 409


def test_ratchet_044_files_declare_schedules_beside_their_workflow(api: Api) -> None:
    [declared] = api.get("/api/v1/schedules?task_id=scheduled").json()["items"]

    assert declared["name"] == "new year"
    assert declared["source"].endswith("scheduled.yaml")
    assert (declared["timezone"], declared["overlap"]) == ("Europe/Berlin", "skip")
    assert declared["input"] == {"greeting": "happy new year"}


def test_ratchet_045_disabled_at_creation_it_never_fires(api: Api, make: Make) -> None:
    silent = make(cron_expression=EVERY_SECOND, enabled=False)
    watched = make(cron_expression=EVERY_SECOND, max_runs=3)

    wait_for(lambda: len(jobs_of(api, watched["id"])) == 3, "another one to fire three times")

    assert silent["next_run_at"] is None
    assert jobs_of(api, silent["id"]) == []


def _scheduler(stack: Running) -> psutil.Process:
    return next(child for child in stack.children() if "scheduler" in child.cmdline())


def _fired(base: str, schedule_id: str) -> list[datetime]:
    url = f"{base}/api/v1/jobs?schedule_id={schedule_id}&limit=1000&order=asc"
    return sorted(at(job["scheduled_for"]) for job in requests.get(url, timeout=10).json()["items"])


def _gapless(times: list[datetime]) -> bool:
    span = [times[0] + timedelta(seconds=n) for n in range(len(times))]
    return times == span


#: One worker: what is fired matters here, not what becomes of it.
FIRING = {"RATCHET_PATH": str(DEFINITIONS), "RATCHET_WORKER_COUNT": "1"}


def _fires_each_second(base: str) -> str:
    """Make a schedule that catches up with everything; return its id once it has fired twice."""
    body = {**SEED, "task_id": "echo", "cron_expression": EVERY_SECOND, "catchup": "all"}
    made = requests.post(f"{base}/api/v1/schedules", json=body, timeout=10).json()
    schedule_id: str = made["id"]
    wait_for(lambda: len(_fired(base, schedule_id)) >= 2, "it to fire")
    return schedule_id


def test_ratchet_045_a_killed_scheduler_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with ratchet_up(tmp_path, **FIRING) as stack:
        schedule_id = _fires_each_second(stack.base)
        _scheduler(stack).send_signal(signal.SIGKILL)
        known = len(_fired(stack.base, schedule_id))

        wait_for(lambda: len(_fired(stack.base, schedule_id)) >= known + 2, "it to fire again")
        assert _gapless(_fired(stack.base, schedule_id))


def test_ratchet_045_a_restart_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with ratchet_up(tmp_path, **FIRING) as stack:
        schedule_id = _fires_each_second(stack.base)
        before = _fired(stack.base, schedule_id)

    with ratchet_up(tmp_path, **FIRING) as stack:
        wait_for(lambda: len(_fired(stack.base, schedule_id)) > len(before) + 2, "it to go on")
        times = _fired(stack.base, schedule_id)

    assert times[: len(before)] == before
    assert _gapless(times)


def test_the_same_key_makes_one_schedule(api: Api) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {**SEED, "enabled": False}

    first = api.post("/api/v1/schedules", json=body, headers=headers)
    second = api.post("/api/v1/schedules", json=body, headers=headers)
    other = api.post("/api/v1/schedules", json=SEED, headers=headers)
    bad = api.post("/api/v1/schedules", json=body, headers={"Idempotency-Key": "x" * 256})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert bad.status_code == 400
    api.delete(f"/api/v1/schedules/{first.json()['id']}")


def test_secrets_of_destinations_are_masked_and_a_mask_is_no_secret(api: Api, make: Make) -> None:
    hook = {"type": "webhook", "url": "https://hooks.example/in"}
    secret = {"secret": "whsec-7b31c9", "headers": {"X-Shop": "k-55aa17"}}
    schedule = make(enabled=False, output_destinations=[{**hook, **secret}])
    path = f"/api/v1/schedules/{schedule['id']}"
    masked = [{**hook, "secret": "********", "headers": "********"}]

    shown = [schedule, api.get(path).json(), api.post(f"{path}/enable").json()]
    sent_back = api.call("PATCH", path, json={"output_destinations": masked})
    query = "query($id: ID!) { schedule(id: $id) { output_destinations } }"
    body = {"query": query, "variables": {"id": schedule["id"]}}
    graphql = requests.post(f"{api.base}/graphql", json=body, timeout=20).json()

    assert [one["output_destinations"] for one in shown] == [masked] * 3
    assert graphql["data"]["schedule"]["output_destinations"] == masked
    assert sent_back.status_code == 400
    assert list(sent_back.json()["error"]["details"]) == ["output_destinations[0]"]
