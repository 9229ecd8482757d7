"""Events of schedules: each written once with its cause, told after the commit, and pruned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from ratchet_core.domain.catalogue import (
    CATALOGUE,
    Event,
    ScheduleFired,
    ScheduleMissed,
    ScheduleUpdated,
    event_of,
)
from ratchet_core.domain.retention import Retention
from ratchet_core.domain.schedule import Catchup, DeclaredSchedule, Overlap
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.prune import Pruner
from ratchet_core.errors import Refused
from ratchet_core.hooks import Calls
from ratchet_core.sdk import Submission
from ratchet_core.store.check import findings
from ratchet_core.store.database import Database
from tests.contract.engine_house import House
from tests.contract.schedule_house import fire, history, rewind, spec
from tests.contract.test_events import Subscriber, begin, publishing
from tests.waiting import wait_for

HOURLY = "0 * * * *"


class Closed(Calls):
    """A plugin that refuses every run."""

    def __init__(self) -> None:
        super().__init__()
        self.minds_submissions = True

    def before_submit(self, submission: Submission) -> None:
        raise Refused("closed for today")


@pytest.fixture
def house(database: Database) -> House:
    house = House(database)
    house.define(single_step("report", "test"))
    return house


def events(house: House, run_id: str | None = None) -> Iterator[Event]:
    """Yield the events of schedules, as subscribers get them."""
    for view in house.reads.journal_tail(0, 1000):
        if view.name.startswith("schedule.") and run_id in (None, view.run_id):
            yield event_of(view)


def names(house: House) -> list[str]:
    return [event.name for event in events(house)]


def test_each_change_of_a_schedule_is_an_event(house: House) -> None:
    schedule = house.engine.create_schedule(spec(name="nightly"))
    house.engine.update_schedule(schedule.id, {"cron_expression": HOURLY, "max_runs": 5})
    house.engine.update_schedule(schedule.id, {"enabled": False})
    house.engine.update_schedule(schedule.id, {"enabled": False})
    house.engine.update_schedule(schedule.id, {"enabled": True, "priority": 3})
    house.engine.delete_schedule(schedule.id)

    told = list(events(house))
    assert [event.name for event in told] == [
        "schedule.created",
        "schedule.updated",
        "schedule.paused",
        "schedule.updated",
        "schedule.resumed",
        "schedule.deleted",
    ]
    assert {type(event) for event in told} == {CATALOGUE[event.name] for event in told}
    first = told[1]
    assert isinstance(first, ScheduleUpdated)
    assert sorted(first.changed or ()) == ["cron_expression", "max_runs"]
    for event in told:
        assert event.run_id is None
        about = (event.data["schedule_id"], event.data["schedule"], event.data["workflow"])
        assert about == (schedule.id, "nightly", "report")


def test_a_refused_change_is_no_event(house: House) -> None:
    schedule = house.engine.create_schedule(spec())

    with pytest.raises(Exception, match="cron"):
        house.engine.update_schedule(schedule.id, {"cron_expression": "nonsense"})

    assert names(house) == ["schedule.created"]


def test_what_files_declare_is_told_too_and_once(house: House) -> None:
    def declare(*found: str) -> None:
        items = [
            DeclaredSchedule(spec=spec(name="nightly", cron_expression=text), file="a.yaml")
            for text in found
        ]
        covered = {("default", "report")}
        house.engine.sync_schedules(items, covered, replace_changed=True)

    declare(HOURLY)
    declare(HOURLY)
    declare("30 * * * *")
    declare()
    declare()

    assert names(house) == ["schedule.created", "schedule.updated", "schedule.deleted"]


def test_a_fire_time_is_told_with_its_run_and_once(house: House) -> None:
    schedule = house.engine.create_schedule(
        spec(cron_expression=HOURLY, catchup=Catchup.ALL, max_catchup=10)
    )
    rewind(house, schedule, timedelta(hours=3))

    made = fire(house.engine)
    fire(house.engine)

    runs = history(house, schedule)
    fired = [event for event in events(house) if isinstance(event, ScheduleFired)]
    assert len(fired) == made == len(runs) >= 3
    assert [event.run_id for event in fired] == [run.id for run in runs]
    for event, run in zip(fired, runs, strict=True):
        assert run.scheduled_for is not None
        assert event.scheduled_for == run.scheduled_for.isoformat().replace("+00:00", "Z")
        assert (event.schedule_id, event.by) == (schedule.id, None)
        journal = [view.name for view in house.reads.events(run.id)]
        assert journal[:2] == ["run.created", "schedule.fired"]


def test_a_trigger_is_told_with_who_asked(house: House) -> None:
    schedule = house.engine.create_schedule(spec())

    run = house.engine.trigger_schedule(schedule.id, "jwt:alice")

    [event] = events(house, run.id)
    assert isinstance(event, ScheduleFired)
    assert (event.scheduled_for, event.by) == (None, "jwt:alice")


def test_fire_times_that_overlap_forbids_are_missed(house: House) -> None:
    schedule = house.engine.create_schedule(spec(cron_expression=HOURLY, overlap=Overlap.SKIP))
    rewind(house, schedule, timedelta(hours=1))
    fire(house.engine)
    rewind(house, schedule, timedelta(minutes=59, seconds=59))
    with house.database.write() as tx:  # the fire time that was made is another one
        tx.execute(text("UPDATE schedules SET next_at = next_at - 1000000"))

    fire(house.engine)

    [missed] = [event for event in events(house) if isinstance(event, ScheduleMissed)]
    assert missed.count is not None
    assert missed.count >= 1
    assert missed.problem is None


def test_fire_times_that_make_no_run_are_missed_with_the_reason(database: Database) -> None:
    house = House(database, calls=Closed())
    house.define(single_step("report", "test"))
    schedule = house.engine.create_schedule(spec(cron_expression=HOURLY))
    rewind(house, schedule, timedelta(hours=1))

    assert fire(house.engine) == 0

    [missed] = [event for event in events(house) if isinstance(event, ScheduleMissed)]
    assert missed.count is not None
    assert missed.count >= 1
    assert missed.problem == "closed for today"
    assert missed.schedule_id == schedule.id


def test_subscribers_get_them_after_the_commit_by_pattern(house: House) -> None:
    keeper, other = Subscriber(), Subscriber("other")
    begin(house, keeper, other)

    with publishing(house, keeper.listener("schedule.*"), other.listener("run.*")):
        schedule = house.engine.create_schedule(spec(cron_expression=HOURLY))
        rewind(house, schedule, timedelta(hours=1))
        fire(house.engine)
        house.engine.delete_schedule(schedule.id)
        wait_for(lambda: "schedule.deleted" in keeper.names(), "the last event")
        wait_for(other.names, "the other's event, of which another thread tells")

    assert keeper.names()[0] == "schedule.created"
    assert set(keeper.names()) == {"schedule.created", "schedule.fired", "schedule.deleted"}
    assert set(other.names()) == {"run.created"}


def test_events_of_no_run_are_sound_and_go_when_they_are_old(house: House) -> None:
    for name in ("a", "b", "c"):
        house.engine.create_schedule(spec(name=name))
    assert list(findings(house.database)) == []
    with house.database.write() as tx:
        tx.execute(text("UPDATE journal SET at = 1"))
    end = house.reads.journal_end()

    Pruner(house.core, Retention(keep_s=86_400.0)).delete_what_belongs_to_no_run()

    assert [event.data["schedule"] for event in events(house)] == ["c"]  # the newest event of all
    house.engine.create_schedule(spec(name="d"))
    assert house.reads.journal_end() > end
