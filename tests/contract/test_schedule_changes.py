"""Schedules over both databases: made, changed, triggered, deleted, listed, declared by files."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from ratchet_core.domain.query import ScheduleQuery, Window
from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.domain.views import ScheduleView
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.schedules import ScheduleKey
from ratchet_core.errors import (
    IdempotencyConflict,
    ScheduleNameTaken,
    ScheduleNotFound,
    ValidationFailed,
    WorkflowNotFound,
)
from ratchet_core.store.clock import to_us
from ratchet_core.store.database import Database
from tests.contract.engine_house import House
from tests.contract.schedule_house import history, spec


@pytest.fixture
def house(database: Database) -> House:
    house = House(database)
    house.define(single_step("report", "test"))
    return house


def test_a_disabled_schedule_never_fires_and_goes_on_from_now(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="* * * * * *", enabled=False))

    assert schedule.next_at is None
    assert house.engine.next_fire_in_s() is None
    enabled = house.engine.update_schedule(schedule.id, {"enabled": True})
    assert enabled.next_at is not None
    assert enabled.next_at > house.reads.schedules.now() - timedelta(seconds=1)
    disabled = house.engine.update_schedule(schedule.id, {"enabled": False})
    assert replace(disabled.spec, enabled=True) == enabled.spec
    assert disabled.next_at is None


def test_a_change_never_goes_back_to_a_fire_time_that_was_fired(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    now = house.reads.schedules.now()
    ahead = (now + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    with house.database.write() as tx:  # as after the clock was put back
        tx.execute(text("UPDATE schedules SET last_at = :at"), {"at": to_us(ahead)})

    changed = house.engine.update_schedule(schedule.id, {"cron_expression": "*/30 * * * *"})

    assert changed.next_at == ahead + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"cron_expression": "0 0 31 2 *"}, "cron_expression"),
        ({"cron_expression": "0 25 * * *"}, "cron_expression"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"ends_at": datetime(2001, 1, 1, tzinfo=UTC)}, "ends_at"),
        ({"max_runs": 0}, "max_runs"),
        ({"priority": 2_000_000}, "priority"),
    ],
)
def test_what_is_refused_at_creation_is_refused_as_a_change_and_changes_nothing(
    house: House, changes: dict[str, Any], place: str
) -> None:
    schedule = house.engine.create_schedule(spec(name="mine"))

    with pytest.raises(ValidationFailed) as at_creation:
        house.engine.create_schedule(spec(**changes))
    with pytest.raises(ValidationFailed) as as_change:
        house.engine.update_schedule(schedule.id, {"description": "new", **changes})

    assert at_creation.value.details.keys() == as_change.value.details.keys() == {place}
    assert house.reads.schedules.one(schedule.id) == schedule


def test_a_name_belongs_to_one_schedule(house: House) -> None:
    house.engine.create_schedule(spec(name="nightly"))
    other = house.engine.create_schedule(spec(name="daily"))

    with pytest.raises(ScheduleNameTaken, match="nightly"):
        house.engine.create_schedule(spec(name="nightly"))
    with pytest.raises(ScheduleNameTaken, match="nightly"):
        house.engine.update_schedule(other.id, {"name": "nightly"})


def test_two_that_take_one_name_at_once_are_told_apart(house: House) -> None:
    start = threading.Barrier(4)

    def make(_number: int) -> bool:
        start.wait()
        try:
            house.engine.create_schedule(spec(name="nightly"))
        except ScheduleNameTaken:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, range(4)))

    assert made.count(True) == 1


def test_an_unknown_workflow_is_refused(house: House) -> None:
    with pytest.raises(WorkflowNotFound):
        house.engine.create_schedule(spec(workflow="nothing"))
    with pytest.raises(WorkflowNotFound):
        house.engine.create_schedule(spec(version="9.9.9"))


def test_a_trigger_makes_a_run_beside_the_fire_times(house: House) -> None:
    schedule = house.engine.create_schedule(spec(enabled=False, input={"n": 1}, max_runs=1))

    run = house.engine.trigger_schedule(schedule.id, "somebody")

    assert (run.schedule_id, run.scheduled_for, run.input) == (schedule.id, None, {"n": 1})
    shown = house.reads.schedules.one(schedule.id)
    assert (shown.last_run_id, shown.runs_made) == (run.id, 0)
    assert house.rings == [{"default": 1}]


def test_a_deleted_schedule_is_gone_and_its_runs_stay(house: House) -> None:
    schedule = house.engine.create_schedule(spec())
    house.engine.trigger_schedule(schedule.id, "somebody")

    house.engine.delete_schedule(schedule.id)

    with pytest.raises(ScheduleNotFound):
        house.reads.schedules.one(schedule.id)
    with pytest.raises(ScheduleNotFound):
        house.engine.delete_schedule(schedule.id)
    assert len(history(house, schedule)) == 1
    assert house.reads.schedules.page(ScheduleQuery(), Window()).total == 0


def test_lists_are_filtered_and_paged(house: House) -> None:
    house.define(single_step("other", "test"))
    made = [house.engine.create_schedule(spec(enabled=n % 2 == 0)) for n in range(5)]
    house.engine.create_schedule(spec(workflow="other", name="the other"))
    reads = house.reads.schedules

    mine = reads.page(ScheduleQuery(namespace="default", workflow="report"), Window(limit=2))
    rest = reads.page(ScheduleQuery(workflow="report"), Window(limit=10, cursor=mine.next_cursor))

    assert mine.total == 5
    newest_first = [item.id for item in reversed(made)]
    assert [item.id for item in (*mine.items, *rest.items)] == newest_first
    assert reads.page(ScheduleQuery(enabled=False), Window()).total == 2
    assert reads.page(ScheduleQuery(name="the other"), Window()).total == 1
    assert reads.page(ScheduleQuery(sort="next_at"), Window()).total == 4


def declared(name: str = "from a file", **options: Any) -> DeclaredSchedule:
    return DeclaredSchedule(spec(name=name, **options), "report.yaml")


def sync(house: House, *found: DeclaredSchedule, replace_changed: bool = True) -> Any:
    covered = {("default", "report")}
    return house.engine.sync_schedules(found, covered, replace_changed=replace_changed)


def only(house: House) -> ScheduleView:
    [found] = house.reads.schedules.page(ScheduleQuery(), Window()).items
    return found


def test_declared_schedules_follow_their_file(house: House) -> None:
    assert sync(house, declared()).added == ("from a file",)
    first = only(house)
    assert first.source == "report.yaml"
    assert sync(house, declared()).added == ()
    assert sync(house, declared(input={"n": 2})).replaced == ("from a file",)
    assert only(house).spec.input == {"n": 2}
    assert only(house).id == first.id
    assert sync(house).removed == ("from a file",)
    assert house.reads.schedules.page(ScheduleQuery(), Window()).total == 0


def test_many_declared_schedules_are_stored_in_as_few_statements_as_one(house: House) -> None:
    many = [
        declared(f"file {number}", cron_expression=f"{number % 60} 3 * * *")
        for number in range(300)
    ]
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        sent.append(statement)

    def statements(*found: DeclaredSchedule) -> int:
        sent.clear()
        sync(house, *found)
        return len(sent)

    event.listen(house.database.engine, "before_cursor_execute", note)
    one, all_of_them = statements(declared("one")), statements(declared("one"), *many)
    changed = [replace(item, spec=replace(item.spec, input={"n": 1})) for item in many]

    assert all_of_them == one
    assert statements(declared("one"), *changed) <= one
    page = house.reads.schedules.page(ScheduleQuery(), Window(limit=1000))
    assert page.total == 301
    assert {item.next_at.minute for item in page.items if item.next_at} == set(range(60))
    assert sum(item.spec.input == {"n": 1} for item in page.items) == 300
    assert statements() <= one
    assert house.reads.schedules.page(ScheduleQuery(), Window()).total == 0


def test_what_an_operator_changed_stays_until_the_file_changes(house: House) -> None:
    sync(house, declared())
    house.engine.update_schedule(only(house).id, {"enabled": False})

    sync(house, declared())
    assert not only(house).spec.enabled
    sync(house, declared(description="new"))
    assert only(house).spec.enabled


def test_a_deleted_declared_schedule_stays_away_until_its_file_changes(house: House) -> None:
    sync(house, declared())
    house.engine.delete_schedule(only(house).id)

    sync(house, declared())
    assert house.reads.schedules.page(ScheduleQuery(), Window()).total == 0
    sync(house, declared(description="new"))
    assert only(house).spec.description == "new"


def test_a_running_server_keeps_what_it_has(house: House) -> None:
    sync(house, declared())

    report = sync(house, declared(input={"n": 2}), replace_changed=False)

    assert report.refused == ("from a file",)
    assert only(house).spec.input == {}
    assert sync(house, replace_changed=False).removed == ()


def test_a_name_that_is_taken_is_told_and_left_alone(house: House) -> None:
    made = house.engine.create_schedule(spec(name="from a file"))

    report = sync(house, declared())

    assert report.taken == ("from a file",)
    assert only(house) == made


def test_workflows_whose_files_were_not_read_keep_their_schedules(house: House) -> None:
    sync(house, declared())

    house.engine.sync_schedules([], set(), replace_changed=True)

    assert only(house).spec.name == "from a file"


def test_the_same_key_and_request_give_the_same_schedule(house: House) -> None:
    key = ScheduleKey("me", "k")
    first, created = house.engine.create_schedule_once(spec(input={"a": 1, "b": 2}), key)

    again, repeated = house.engine.create_schedule_once(spec(input={"b": 2, "a": 1}), key)

    assert (created, repeated) == (True, False)
    assert again.id == first.id
    with pytest.raises(IdempotencyConflict, match=f"schedule '{first.id}'"):
        house.engine.create_schedule_once(spec(input={"a": 2}), key)
    other, is_new = house.engine.create_schedule_once(spec(), ScheduleKey("you", "k"))
    assert is_new
    assert other.id != first.id
    house.engine.delete_schedule(first.id)
    assert house.engine.create_schedule_once(spec(), key)[1]


def test_the_same_key_from_many_threads_makes_one_schedule(house: House) -> None:
    key = ScheduleKey("me", "k")

    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: house.engine.create_schedule_once(spec(), key)[0].id, range(16))
        )

    assert len(set(made)) == 1
    assert house.reads.schedules.page(ScheduleQuery(), Window()).total == 1
