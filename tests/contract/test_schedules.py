"""Schedules over both databases: exactly one run per fire time, whoever fires and whatever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from ratchet_core.domain.schedule import Catchup, Overlap
from ratchet_core.domain.states import RunState
from ratchet_core.domain.views import RunView, ScheduleView
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.engine import Engine
from ratchet_core.errors import RatchetError, ValidationFailed
from ratchet_core.store.database import Database, Tx
from tests.contract.engine_house import House
from tests.contract.schedule_house import fire, history, rewind, spec, times


@pytest.fixture
def house(database: Database) -> House:
    house = House(database)
    house.define(single_step("report", "test"))
    house.define(single_step("slow", "test"))
    return house


def test_a_fire_time_makes_one_run_with_the_input_of_its_schedule(house: House) -> None:
    schedule = house.engine.create_schedule(
        spec(cron_expression="0 * * * *", input={"day": "monday"}, priority=7)
    )
    now = rewind(house, schedule, timedelta(hours=1))

    made = fire(house.engine)
    again = fire(house.engine)

    assert (made, again) == (1, 0)
    [run] = history(house, schedule)
    assert (run.input, run.priority, run.state) == ({"day": "monday"}, 7, RunState.PENDING)
    assert run.scheduled_for is not None
    assert run.scheduled_for == now.replace(minute=0, second=0, microsecond=0)
    shown = house.reads.schedules.one(schedule.id)
    assert (shown.last_at, shown.last_run_id) == (run.scheduled_for, run.id)
    assert shown.next_at == run.scheduled_for + timedelta(hours=1)
    assert house.rings == [{"default": 1}]
    assert house.drain().work_off() == ["report"]


def test_many_schedulers_at_once_make_exactly_one_run_per_fire_time(house: House) -> None:
    schedules = [
        house.engine.create_schedule(spec(cron_expression="* * * * * *")) for _ in range(40)
    ]
    for schedule in schedules:
        rewind(house, schedule, timedelta(seconds=3))
    others = [House(Database(house.database.url)) for _ in range(4)]
    start = threading.Barrier(len(others))

    def fire_small(other: House) -> int:
        start.wait()
        return sum(other.engine.fire_due(7).runs for _ in range(12))

    with ThreadPoolExecutor(len(others)) as pool:
        made = sum(pool.map(fire_small, others))
    for other in others:
        other.database.dispose()

    found = 0
    for schedule in schedules:
        fired = times(history(house, schedule))
        steps = {after - before for before, after in pairwise(fired)}
        assert len(fired) >= 3
        assert steps <= {timedelta(seconds=1)}, "a fire time is missing or there twice"
        found += len(fired)
    assert found == made


@pytest.mark.parametrize("survived", range(6))
def test_a_scheduler_that_dies_while_it_fires_loses_and_doubles_nothing(
    house: House, survived: int
) -> None:
    schedules = [house.engine.create_schedule(spec(cron_expression="0 * * * *")) for _ in range(2)]
    for schedule in schedules:
        rewind(house, schedule, timedelta(hours=1))
    ids = iter([house.core.new_id() for _ in range(survived)])

    def dies() -> str:
        found = next(ids, None)
        if found is None:
            raise KeyboardInterrupt
        return found

    dying = House(house.database)
    object.__setattr__(dying.core, "new_id", dies)
    try:
        dying.engine.fire_due()
    except KeyboardInterrupt:
        assert all(history(house, schedule) == [] for schedule in schedules)

    fire(house.engine)

    assert [len(history(house, schedule)) for schedule in schedules] == [1, 1]


class Writes:
    """Goes with every write transaction and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, _tx: Tx) -> None:
        self.count += 1

    def committed(self) -> None:
        """Nothing."""


def test_the_runs_of_all_due_schedules_are_made_in_one_transaction(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules = [house.engine.create_schedule(spec(cron_expression="0 * * * *")) for _ in range(3)]
    for schedule in schedules:
        rewind(house, schedule, timedelta(hours=1))
    writes = Writes()
    monkeypatch.setattr(house.database, "companion", lambda: writes)

    assert house.engine.fire_due().runs == 3
    assert writes.count == 1


def test_a_lost_ring_after_the_commit_costs_nothing(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    rewind(house, schedule, timedelta(hours=1))

    def dies(_ready: object) -> None:
        raise KeyboardInterrupt

    dying = House(house.database)
    object.__setattr__(dying.core, "ring", dies)
    with pytest.raises(KeyboardInterrupt):
        dying.engine.fire_due()

    assert fire(house.engine) == 0
    assert len(history(house, schedule)) == 1


@pytest.mark.parametrize(
    ("meddle", "expected"),
    [
        (lambda engine, id_: engine.update_schedule(id_, {"enabled": False}), 0),
        (lambda engine, id_: engine.update_schedule(id_, {"input": {"day": "sunday"}}), 0),
        (lambda engine, id_: engine.delete_schedule(id_), 0),
        (lambda engine, id_: engine.fire_due(), 1),
        (lambda engine, id_: engine.trigger_schedule(id_, "somebody"), 1),
    ],
    ids=["disabled", "changed", "deleted", "fired", "triggered"],
)
def test_what_changes_while_its_run_is_planned_is_not_fired_as_it_was(
    house: House, meddle: Callable[[Engine, str], object], expected: int
) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    other = house.engine.create_schedule(spec(cron_expression="0 * * * *", workflow="slow"))
    rewind(house, schedule, timedelta(hours=1))
    planning = House(house.database)
    new_id = house.core.new_id
    meddled: list[object] = []

    def meddles() -> str:
        if not meddled:
            meddled.append(meddle(house.engine, schedule.id))
            rewind(house, other, timedelta(hours=1))
        return new_id()

    object.__setattr__(planning.core, "new_id", meddles)

    fired = planning.engine.fire_due()

    assert (fired.schedules, fired.runs, len(meddled)) == (0, 0, 1)
    assert len(history(house, schedule)) == expected
    fire(house.engine)
    assert len(history(house, other)) == 1


@pytest.mark.parametrize(
    ("catchup", "expected"), [(Catchup.NONE, 0), (Catchup.LATEST, 1), (Catchup.ALL, 5)]
)
def test_missed_fire_times_are_made_up_as_the_schedule_says(
    house: House, catchup: Catchup, expected: int
) -> None:
    schedule = house.engine.create_schedule(
        spec(cron_expression="0 * * * *", catchup=catchup, max_catchup=5)
    )
    now = rewind(house, schedule, timedelta(days=2))
    hour = now.replace(minute=0, second=0, microsecond=0)
    if now - hour < timedelta(seconds=60):
        pytest.skip("the hour has just begun: its fire time is not missed")

    fire(house.engine)

    fired = times(history(house, schedule))
    assert fired == [hour - timedelta(hours=n) for n in reversed(range(expected))]
    assert house.reads.schedules.one(schedule.id).next_at == hour + timedelta(hours=1)


def test_a_run_that_waited_to_be_made_up_is_not_older_than_others_in_the_queue(
    house: House,
) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 0 * * *"))
    rewind(house, schedule, timedelta(days=3))
    fire(house.engine)

    [held] = house.drain().claim()

    assert history(house, schedule)[0].id == held.run_id


def overlapping(house: House, overlap: Overlap) -> tuple[ScheduleView, RunView]:
    """Make a schedule with one run that is not at its end, and a fire time that is due."""
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *", overlap=overlap))
    rewind(house, schedule, timedelta(hours=1))
    house.engine.fire_due()
    first = history(house, schedule)[-1]
    with house.database.write() as tx:
        tx.execute(text("UPDATE runs SET scheduled_for = scheduled_for - 600000000"))
    rewind(house, schedule, timedelta(hours=1))
    return schedule, first


def test_overlap_allow_starts_beside(house: House) -> None:
    schedule, _ = overlapping(house, Overlap.ALLOW)

    fire(house.engine)

    assert [run.state for run in history(house, schedule)] == [RunState.PENDING] * 2


def test_overlap_skip_makes_no_run(house: House) -> None:
    schedule, _ = overlapping(house, Overlap.SKIP)

    fire(house.engine)

    assert len(history(house, schedule)) == 1
    shown = house.reads.schedules.one(schedule.id)
    assert shown.runs_skipped == 1
    house.drain().work_off()
    rewind(house, schedule, timedelta(hours=1))
    assert fire(house.engine) == 1


def test_overlap_cancel_ends_the_earlier_run(house: House) -> None:
    schedule, first = overlapping(house, Overlap.CANCEL)

    fire(house.engine)

    states = {run.id: run.state for run in history(house, schedule)}
    assert states.pop(first.id) is RunState.CANCELLED
    assert list(states.values()) == [RunState.PENDING]


def test_overlap_queue_makes_the_run_when_the_earlier_one_has_ended(house: House) -> None:
    schedule, _ = overlapping(house, Overlap.QUEUE)

    assert fire(house.engine) == 0
    waiting = house.reads.schedules.one(schedule.id).waiting
    assert len(waiting) == 1
    assert house.engine.next_fire_in_s() != 0.0
    house.drain().work_off()
    assert house.engine.next_fire_in_s() == 0.0
    assert fire(house.engine) == 1

    assert times(history(house, schedule))[-1] == waiting[0]
    assert house.reads.schedules.one(schedule.id).waiting == ()


def test_a_schedule_ends_after_its_runs(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="* * * * * *", max_runs=2))
    rewind(house, schedule, timedelta(seconds=10))

    fire(house.engine)

    shown = house.reads.schedules.one(schedule.id)
    assert (shown.runs_made, shown.next_at, shown.is_exhausted) == (2, None, True)
    assert len(history(house, schedule)) == 2


@pytest.mark.parametrize(
    ("spoil", "mend", "said"),
    [
        (
            lambda engine: engine.delete_workflow("default", "report"),
            lambda engine: engine.restore_workflow("default", "report"),
            "does not exist",
        ),
        (
            lambda engine: engine.set_enabled("default", "report", enabled=False),
            lambda engine: engine.set_enabled("default", "report", enabled=True),
            "is disabled",
        ),
    ],
)
def test_a_schedule_whose_workflow_takes_no_run_is_kept_and_shows_why(
    house: House, spoil: Callable[[Engine], None], mend: Callable[[Engine], None], said: str
) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    other = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    spoil(house.engine)
    rewind(house, schedule, timedelta(hours=1))

    assert fire(house.engine) == 0
    shown = house.reads.schedules.one(schedule.id)
    assert shown.problem is not None
    assert said in shown.problem
    assert shown.next_at is not None
    with pytest.raises(RatchetError):
        house.engine.trigger_schedule(schedule.id, "somebody")
    mend(house.engine)
    for item in (schedule, other):
        rewind(house, item, timedelta(hours=1))
    fire(house.engine)

    assert house.reads.schedules.one(schedule.id).problem is None
    assert len(history(house, schedule)) == 1


def test_a_spoiled_schedule_holds_up_no_other(house: House) -> None:
    house.define(single_step("gone", "test"))
    spoiled = house.engine.create_schedule(spec(workflow="gone", cron_expression="0 * * * *"))
    sound = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    house.engine.delete_workflow("default", "gone")
    for schedule in (spoiled, sound):
        rewind(house, schedule, timedelta(hours=1))

    assert fire(house.engine) == 1
    assert len(history(house, sound)) == 1


def test_an_input_that_breaks_the_schema_of_a_newer_version_is_told(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression="0 * * * *"))
    schema = {"type": "object", "required": ["city"]}
    house.define(single_step("report", "test", version="2.0.0", input_schema=schema))
    rewind(house, schedule, timedelta(hours=1))

    fire(house.engine)

    problem = house.reads.schedules.one(schedule.id).problem
    assert problem is not None
    assert "city" in problem
    with pytest.raises(ValidationFailed):
        house.engine.update_schedule(schedule.id, {"input": {"town": "Rome"}})
