"""`schedules:` beside a workflow: read, checked, and refused with the line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from textwrap import indent

import pytest

from ratchet_core.domain.schedule import Catchup, Overlap
from tests.unit.registry.conftest import MINIMAL, Load, problem_of

WHOLE = """\
schedules:
  - name: nightly
    description: Every night
    cron_expression: "30 2 * * *"
    timezone: Europe/Berlin
    input: {city: "${CITY:-Rome}"}
    enabled: false
    priority: 5
    catchup: all
    max_catchup: 7
    overlap: skip
    starts_at: 2026-01-01T00:00:00Z
    ends_at: 2030-01-01
    max_runs: 3
    metadata: {team: ops}
  - name: often
    cron_expression: "*/5 * * * *"
"""


def test_every_key_of_a_schedule_is_read(load: Load) -> None:
    loaded = load({"flow.yaml": MINIMAL + WHOLE}, CITY="Oslo")

    assert loaded.problems == ()
    first, second = (item.spec for item in loaded.definitions[0].schedules)
    assert (first.namespace, first.workflow, first.version) == ("default", "small", None)
    assert (first.name, first.cron_expression, first.timezone) == (
        "nightly",
        "30 2 * * *",
        "Europe/Berlin",
    )
    assert (first.input, first.metadata) == ({"city": "Oslo"}, {"team": "ops"})
    assert (first.enabled, first.priority, first.max_catchup, first.max_runs) == (False, 5, 7, 3)
    assert (first.catchup, first.overlap) == (Catchup.ALL, Overlap.SKIP)
    assert first.ends_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert (second.enabled, second.input, second.priority) == (True, {}, None)


def test_a_task_directory_declares_schedules_too(load: Load) -> None:
    metadata = {"schedules": [{"cron_expression": "@daily"}]}
    files = {"task/main.js": "x => x", "task/metadata.json": json.dumps(metadata)}

    [found] = load(files).definitions

    assert [item.spec.name for item in found.schedules] == ["task"]
    assert "schedules" not in found.definition.attributes


def test_the_only_schedule_needs_no_name(load: Load) -> None:
    text = MINIMAL + "namespace_name: shop\nschedules:\n  - cron_expression: '@daily'\n"

    [found] = load({"flow.yaml": text}).definitions

    assert found.schedules[0].spec.name == "shop.small"
    assert found.schedules[0].file.endswith("flow.yaml")


@pytest.mark.parametrize(
    ("schedule", "line", "place", "reason"),
    [
        ("cron_expression: 0 0 31 2 *", 6, "schedules[0].cron_expression", "day of month"),
        ("cron_expression: 0 25 * * *", 6, "schedules[0].cron_expression", "hour"),
        ("cron: '@daily'", 6, "schedules[0].cron", "unknown key 'cron'"),
        ("name: x", 6, "schedules[0]", "the key 'cron_expression' is missing"),
        ("cron_expression: '@daily'\ntimezone: Mars", 7, "schedules[0].timezone", "no time zone"),
        ("cron_expression: '@daily'\ncatchup: lates", 7, "schedules[0].catchup", "'latest'?"),
        ("cron_expression: '@daily'\noverlap: no", 7, "schedules[0].overlap", "not one of allow"),
        ("cron_expression: '@daily'\nenabled: yes", 7, "schedules[0].enabled", "true or false"),
        ("cron_expression: '@daily'\nmax_runs: 0", 7, "schedules[0].max_runs", "between"),
        ("cron_expression: '@daily'\nends_at: soon", 7, "schedules[0].ends_at", "not a time"),
        ("cron_expression: '@daily'\ninput: ${NOT_SET}", 7, "schedules[0].input", "is not set"),
    ],
)
def test_a_broken_schedule_is_refused_with_its_line(
    load: Load, schedule: str, line: int, place: str, reason: str
) -> None:
    item = "  - " + indent(schedule, "    ").lstrip()

    problem = problem_of(load, f"{MINIMAL}schedules:\n{item}\n")

    assert (problem.line, problem.place) == (line, place)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("schedules", "reason"),
    [
        ("schedules: nightly", "expected a list"),
        ("schedules: [nightly]", "expected a mapping"),
        (
            "schedules:\n  - {cron_expression: '@daily'}\n  - {cron_expression: '@daily'}",
            "the key 'name' is missing",
        ),
        (
            "schedules:\n" + 2 * "  - {name: a, cron_expression: '@daily'}\n",
            "there twice",
        ),
    ],
)
def test_a_broken_list_of_schedules_is_refused(load: Load, schedules: str, reason: str) -> None:
    assert reason in problem_of(load, f"{MINIMAL}{schedules}\n").reason


def test_an_input_that_breaks_the_schema_of_its_workflow_is_refused(load: Load) -> None:
    schema = "schema: {type: object, required: [city]}\n"

    problem = problem_of(load, f"{MINIMAL}{schema}schedules:\n  - cron_expression: '@daily'\n")

    assert "city" in problem.reason


def test_overlapping_names_of_two_workflows_are_told(load: Load) -> None:
    schedule = "schedules:\n  - {name: nightly, cron_expression: '@daily'}\n"
    other = MINIMAL.replace("name: small", "name: other")

    loaded = load({"a.yaml": MINIMAL + schedule, "b.yaml": other + schedule})

    [problem] = loaded.problems
    assert problem.file.endswith("b.yaml")
    assert "'nightly' belongs to one in" in problem.reason
    assert len(loaded.definitions) == 2


def test_versions_of_one_workflow_share_a_name(load: Load) -> None:
    schedule = "schedules:\n  - {name: nightly, cron_expression: '@daily'}\n"
    files = {f"{n}.yaml": f'{MINIMAL}version: "{n}.0.0"\n{schedule}' for n in (1, 2)}

    assert load(files).problems == ()
