"""Telling subscribers of events, over both databases: everything, in order, at least once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from ratchet_core.domain.catalogue import Event, RunFailed, StepCompleted
from ratchet_core.domain.workflow import CustomEvent
from ratchet_core.engine.work import Finished
from ratchet_core.hooks import PluginState
from ratchet_core.hooks.calls import Implementation, Listener
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.store.database import Database
from ratchet_core.store.runs import entry, write_journal
from ratchet_core.worker.publisher import Publisher
from tests.contract.engine_house import House, failure, finished, workflow
from tests.hosts import host_engine
from tests.waiting import wait_for


class Subscriber:
    """Keeps what it is told."""

    def __init__(self, name: str = "keeper", act: Callable[[Event], object] = bool) -> None:
        self.name = name
        self.act = act
        self.events: list[Event] = []
        self.state = PluginState(name=name)

    def handle(self, event: Event) -> None:
        self.events.append(event)
        self.act(event)

    def listener(self, *patterns: str) -> Listener:
        one = Implementation(self.state, "handle", self.handle, 5.0)
        return Listener(self.name, one, patterns or ("*",))

    def names(self) -> list[str]:
        return [event.name for event in self.events]


@contextlib.contextmanager
def publishing(house: House, *listeners: Listener) -> Iterator[None]:
    """Publish while the block runs, and until it is over."""
    over = threading.Event()
    publisher = Publisher(house.database, house.reads, listeners, new_id())
    thread = threading.Thread(target=publisher.run, args=(over.is_set,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)


@pytest.fixture
def house(database: Database) -> House:
    house = House(database)
    house.define(workflow("plain", only=()), workflow("shaky", only={"retry_limit": 1}))
    return house


def begin(house: House, *subscribers: Subscriber) -> None:
    """Let subscribers begin here: a new one gets what happens after its first start."""
    with publishing(house, *[item.listener() for item in subscribers]):
        wait_for(lambda: cursors_of(house) == len(subscribers), "the places to be stored")


def cursors_of(house: House) -> int:
    with house.database.read() as tx:
        return int(tx.execute(text("SELECT count(*) FROM event_cursors")).scalar_one())


def test_a_subscriber_is_told_of_everything_in_order_and_typed(house: House) -> None:
    keeper = Subscriber()
    begin(house, keeper)

    with publishing(house, keeper.listener()):
        run = house.submit("plain")
        house.drain().work_off()
        shaky = house.submit("shaky")
        house.drain().work_off({"only": failure("broken")})
        wait_for(lambda: "run.failed" in keeper.names(), "the last event")

    assert [(event.name, event.run_id) for event in keeper.events] == [
        ("run.created", run.id),
        ("step.completed", run.id),
        ("run.completed", run.id),
        ("run.created", shaky.id),
        ("step.failed", shaky.id),
        ("run.failed", shaky.id),
    ]
    done, failed = keeper.events[1], keeper.events[-1]
    assert isinstance(done, StepCompleted)
    assert (done.step, done.attempt) == ("only", 1)
    assert isinstance(failed, RunFailed)
    assert failed.error is not None
    assert failed.error["message"] == "broken"
    sequences = [event.sequence for event in keeper.events]
    assert sequences == sorted(set(sequences))


def test_custom_events_come_as_the_step_published_them(house: House) -> None:
    events = (CustomEvent(name="payment.gateway.charged"),)
    house.define(workflow("pay", charge={"custom_events": events}))
    keeper = Subscriber()
    begin(house, keeper)
    drain = house.drain()

    with publishing(house, keeper.listener("payment.*")):
        house.submit("pay")
        [item] = drain.claim()
        end = finished(item)
        told = (("payment.gateway.charged", {"amount": 5}),)
        house.engine.conclude(
            drain.id,
            [
                Finished(
                    assignment=item,
                    attempt_id=end.attempt_id,
                    outcome=end.outcome,
                    age_us=60,
                    duration_us=50,
                    events=told,
                )
            ],
        )
        wait_for(lambda: keeper.events, "the custom event")

    [event] = keeper.events
    assert (event.name, event.step, event.data) == (
        "payment.gateway.charged",
        "charge",
        {"amount": 5},
    )


def test_what_happened_while_no_publisher_ran_is_told_later(house: House) -> None:
    keeper = Subscriber()
    begin(house, keeper)
    house.submit("plain")
    house.drain().work_off()

    with publishing(house, keeper.listener()):
        wait_for(lambda: "run.completed" in keeper.names(), "what happened meanwhile")

    assert keeper.names() == ["run.created", "step.completed", "run.completed"]


def test_one_that_raises_costs_the_others_nothing(house: House) -> None:
    def explode(_event: Event) -> None:
        raise OSError("down")

    broken, keeper = Subscriber("broken", explode), Subscriber()
    begin(house, broken, keeper)

    with publishing(house, broken.listener(), keeper.listener()):
        house.submit("plain")
        wait_for(lambda: keeper.events and broken.events, "both to be told")

    assert keeper.names() == broken.names() == ["run.created"]
    assert broken.state.errors == 1
    assert "down" in broken.state.last_error


def test_one_that_blocks_holds_up_itself_alone(house: House) -> None:
    leave = threading.Event()
    slow, keeper = Subscriber("slow", lambda _event: leave.wait(30)), Subscriber()
    begin(house, slow, keeper)

    with publishing(house, slow.listener(), keeper.listener()):
        for _ in range(3):
            house.submit("plain")
        wait_for(lambda: len(keeper.events) == 3 and slow.events, "the other one to be told")
        assert len(slow.events) == 1
        leave.set()


def test_each_event_is_told_by_one_of_many_publishers(house: House) -> None:
    keeper = Subscriber()
    begin(house, keeper)

    with publishing(house, keeper.listener()), publishing(house, keeper.listener()):
        for _ in range(20):
            house.submit("plain")
        wait_for(lambda: len(keeper.events) >= 20, "all to be told")

    assert keeper.names() == ["run.created"] * 20


def test_another_publisher_goes_on_where_one_has_died(house: House) -> None:
    keeper = Subscriber()
    begin(house, keeper)
    house.submit("plain")
    with house.database.write() as tx:  # one was told of it, and died before that was stored
        tx.execute(text("UPDATE event_cursors SET holder = 'dead', lease_until = 1"))

    with publishing(house, keeper.listener()):
        wait_for(lambda: keeper.events, "the other one to go on")

    assert keeper.names() == ["run.created"]


def test_an_entry_that_becomes_visible_late_is_not_left_out(house: House) -> None:
    if house.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer: numbers become visible in their order")
    keeper = Subscriber()
    begin(house, keeper)

    with publishing(house, keeper.listener()):
        with host_engine(house.database).connect() as late:
            late.execute(text("INSERT INTO journal (run_id, name, at) VALUES ('', 'late.one', 1)"))
            with house.database.write() as tx:
                write_journal(tx, [entry("", None, "early.one", 2)])
            with house.database.read() as tx:
                seen = tx.execute(text("SELECT name FROM journal")).scalars().all()
            assert seen == ["early.one"]
            late.commit()
        wait_for(lambda: len(keeper.events) == 2, "both to be told")

    assert keeper.names() == ["late.one", "early.one"]


def test_who_begins_while_a_transaction_is_under_way_is_told_of_it(house: House) -> None:
    if house.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer: numbers become visible in their order")
    keeper = Subscriber()
    with host_engine(house.database).connect() as late:
        late.execute(text("INSERT INTO journal (run_id, name, at) VALUES ('', 'late.one', 1)"))
        with house.database.write() as tx:
            write_journal(tx, [entry("", None, "before.it", 2)])
        with publishing(house, keeper.listener()):
            wait_for(lambda: cursors_of(house) == 1, "the place to be stored")
            with house.database.write() as tx:
                write_journal(tx, [entry("", None, "after.it", 3)])
            late.commit()
            wait_for(lambda: len(keeper.events) == 2, "both to be told")

    assert keeper.names() == ["late.one", "after.it"]
