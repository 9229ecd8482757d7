"""Feeds on both databases: each message makes one run, is waited for, held back, or rejected."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.domain.outcome import Completed
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.encode import Limits
from ratchet_core.ingest.feed import SourceFeed
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.runtime.inputs import MessageReader
from ratchet_core.sdk import Accepted, FeedStopped, InboundMessage
from tests.contract.engine_house import House, failure, finished
from tests.hosts import host_engine
from tests.waiting import wait_for

Made = Callable[..., SourceFeed]


@pytest.fixture
def status() -> SourceStatus:
    return SourceStatus("orders")


@pytest.fixture
def feed_of(house: House, status: SourceStatus) -> Made:
    house.define(single_step("order", "test"))

    def make(workflow: str = "order", name: str = "orders", most_ready: int = 10_000) -> SourceFeed:
        source = InputSourceSettings(name=name, type="test", workflow=workflow)
        return SourceFeed(
            source,
            house.engine,
            house.reads,
            reader=MessageReader(source, Limits(100_000, 50)),
            status=status,
            stop=threading.Event(),
            most_ready=most_ready,
        )

    return make


def message(identity: str | None, value: Any = None, **options: Any) -> InboundMessage:
    return InboundMessage(input={"message": value}, identity=identity, **options)


def accepted(answer: Accepted | Exception) -> Accepted:
    assert isinstance(answer, Accepted), answer
    return answer


def count(house: House) -> int:
    return house.reads.runs(RunQuery(), Window(limit=1)).total or 0


def test_messages_are_stored_together_and_answered_in_their_order(
    house: House, feed_of: Made
) -> None:
    answers = feed_of().submit([message(f"m:{n}", n) for n in range(1000)])

    runs = house.reads.runs_by_id([accepted(answer).run_id for answer in answers])
    numbers = [runs[accepted(answer).run_id].input["message"] for answer in answers]
    assert numbers == list(range(1000))
    assert all(accepted(answer).is_new for answer in answers)


def test_a_message_that_comes_again_gets_its_first_run_whatever_it_says_now(
    house: House, feed_of: Made
) -> None:
    feed = feed_of()
    [first] = feed.submit([message("m:1", "one")])

    again = feed.submit([message("m:1", "other"), message("m:2"), message("m:2")])

    assert accepted(again[0]) == Accepted(run_id=accepted(first).run_id, is_new=False)
    assert [accepted(answer).is_new for answer in again[1:]] == [True, False]
    assert count(house) == 2


def test_identities_belong_to_their_source(house: House, feed_of: Made) -> None:
    feed_of().submit([message("m:1")])

    [other] = feed_of(name="returns").submit([message("m:1")])

    assert accepted(other).is_new


def test_messages_without_identity_make_a_run_each_time(house: House, feed_of: Made) -> None:
    feed = feed_of()

    for _ in range(2):
        feed.submit([message(None), message(None)])

    assert count(house) == 4


def test_doubles_of_two_feeds_at_a_time_make_one_run(house: House, feed_of: Made) -> None:
    feeds = [feed_of() for _ in range(4)]
    messages = [message(f"m:{n}") for n in range(50)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda feed: feed.submit(messages), feeds))

    assert count(house) == 50
    assert sum(accepted(answer).is_new for given in answers for answer in given) == 50


@pytest.mark.parametrize(
    "broken",
    [
        message("m:1", float("nan")),
        message("m:1", "\ud800"),
        message("m:1", "x" * 200_000),
        message(""),
        message("m" * 201),
        message("m:1", workflow="nothing-of-the-sort"),
    ],
    ids=["nan", "surrogate", "large", "no-identity", "long-identity", "workflow"],
)
def test_a_message_that_can_never_become_a_run_is_answered_with_the_reason(
    house: House, feed_of: Made, broken: InboundMessage, status: SourceStatus
) -> None:
    answers = feed_of().submit([message("a"), broken, message("b")])

    assert [isinstance(answer, Accepted) for answer in answers] == [True, False, True]
    assert status.row()["rejected"] == 1


def test_messages_wait_while_too_many_steps_do(
    house: House, feed_of: Made, status: SourceStatus
) -> None:
    feed = feed_of(most_ready=3)
    feed.submit([message(str(n)) for n in range(3)])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(feed.submit, [message("late")])
        wait_for(lambda: status.row()["state"] == "holding", "the feed to hold")
        assert count(house) == 3

        house.drain().work_off()

        assert accepted(waiting.result(20)[0]).is_new


def test_messages_wait_for_a_workflow_that_is_switched_off(
    house: House, feed_of: Made, status: SourceStatus
) -> None:
    feed = feed_of()
    house.engine.set_enabled("default", "order", enabled=False)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(feed.submit, [message("m:1")])
        wait_for(lambda: status.row()["state"] == "holding", "the feed to hold")

        house.engine.set_enabled("default", "order", enabled=True)

        assert accepted(waiting.result(20)[0]).is_new


def test_the_end_of_the_process_ends_the_waiting(house: House, feed_of: Made) -> None:
    feed = feed_of("absent-yet")
    feed.stop.set()

    with pytest.raises(FeedStopped, match="does not exist"):
        feed.submit([message("m:1")])


def test_what_is_taken_already_is_stored_at_the_end(house: House, feed_of: Made) -> None:
    feed = feed_of()
    feed.stop.set()

    assert accepted(feed.submit([message("m:1")])[0]).is_new


def test_the_end_of_a_run_is_told(house: House, feed_of: Made) -> None:
    feed = feed_of()
    good, bad, open_one = (accepted(item) for item in feed.submit([message(n) for n in "abc"]))
    drain = house.drain()
    taken = {assignment.run_id: assignment for assignment in drain.claim()}
    drain.conclude([taken[good.run_id]])
    house.engine.conclude(
        drain.id, [finished(taken[bad.run_id], failure(retryable=False))], claim_next=False
    )

    ends = [feed.wait_for(item, 0.05).done for item in (good, bad, open_one)]

    assert ends == [True, False, None]


def test_a_run_that_says_so_is_not_done(house: House, feed_of: Made) -> None:
    feed = feed_of()
    [answer] = feed.submit([message("m:1")])
    drain = house.drain()
    drain.conclude(drain.claim(), Completed('{"ack":false}'))

    assert feed.wait_for(accepted(answer), 1).done is False


def test_the_database_may_be_away_for_a_while(
    house: House, feed_of: Made, status: SourceStatus
) -> None:
    feed = feed_of()
    with host_engine(house.database).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE steps RENAME TO steps_elsewhere")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(feed.submit, [message("m:1")])
        wait_for(lambda: status.row()["state"] == "holding", "the feed to hold")
        with host_engine(house.database).begin() as connection:
            connection.exec_driver_sql("ALTER TABLE steps_elsewhere RENAME TO steps")

        assert accepted(waiting.result(20)[0]).is_new
