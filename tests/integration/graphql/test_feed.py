"""The feed on databases whose numbers become visible in order, and out of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from ratchet_core.api.graphql import feed as feed_module
from ratchet_core.api.graphql.feed import Feed, Follower
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet
from tests.hosts import host_engine
from tests.waiting import wait_for

ENTRY = text("INSERT INTO journal (run_id, name, at) VALUES ('slow', 'slow', 0)")


@pytest.fixture
def feed(ratchet: Ratchet) -> Iterator[Feed]:
    """Give a feed; its thread ends with the test."""
    made = Feed(ratchet.reads, ratchet.notices, 0.02)
    yield made
    made.close()
    wait_for(lambda: made._thread is None, "the thread of the feed to end")


def submit(ratchet: Ratchet, count: int = 1) -> list[str]:
    request = SubmitRequest(namespace="default", name="echo")
    return ratchet.engine.submit_ids([request] * count)


def test_a_follower_of_all_gets_everything_in_order(ratchet: Ratchet, feed: Feed) -> None:
    follower = Follower()
    with feed.following(follower):
        start = ratchet.reads.journal_end()
        made = submit(ratchet, 5)
        found = wait_for(
            lambda: events if len(events := feed.since(start)) == 5 else None, "five events"
        )

    assert sorted(event.run_id for event in found) == sorted(made)
    assert [event.sequence for event in found] == sorted(event.sequence for event in found)


def test_a_follower_of_one_run_is_woken_by_it_alone(ratchet: Ratchet, feed: Feed) -> None:
    (run_id,) = submit(ratchet)
    (other_id,) = submit(ratchet)
    mine, theirs = Follower(), Follower()
    with feed.following(mine, run_id), feed.following(theirs, other_id):
        start = ratchet.reads.journal_end()
        wait_for(lambda: feed.settled >= start, "the feed to catch up")
        mine.wait(0)
        theirs.wait(0)
        ratchet.engine.cancel(run_id, "me")

        assert mine.wait(20)
        assert not theirs.wait(0)


def test_who_falls_behind_what_is_kept_reads_the_rest_from_the_database(
    ratchet: Ratchet, feed: Feed
) -> None:
    count = feed_module.KEPT + 300
    with feed.following(Follower()):
        start = ratchet.reads.journal_end()
        submit(ratchet, count)
        wait_for(lambda: feed.settled >= start + count, "the feed to catch up")
        seen: list[int] = []
        while events := feed.since(seen[-1] if seen else start):
            seen += [event.sequence for event in events]

    assert len(feed._kept) == feed_module.KEPT
    assert len(seen) == count
    assert seen == sorted(set(seen))


def test_nothing_is_told_past_a_number_that_may_still_come(ratchet: Ratchet, feed: Feed) -> None:
    if ratchet.database.dialect != "postgresql":
        pytest.skip("one transaction writes at a time: no number comes late")
    follower = Follower()
    submit(ratchet)
    with feed.following(follower):
        start = ratchet.reads.journal_end()
        wait_for(lambda: feed.settled == start, "the feed to catch up")
        with host_engine(ratchet.database).connect() as slow, slow.begin():
            slow.execute(ENTRY)
            (run_id,) = submit(ratchet)
            wait_for(lambda: feed._order.has_gaps, "the feed to see that a number is missing")

            assert feed.since(start) == ()
        found = wait_for(
            lambda: events if len(events := feed.since(start)) == 2 else None, "both events"
        )

    assert [event.run_id for event in found] == ["slow", run_id]


def test_a_number_that_was_given_back_holds_nobody_up(ratchet: Ratchet, feed: Feed) -> None:
    with feed.following(Follower()):
        start = ratchet.reads.journal_end()
        with host_engine(ratchet.database).connect() as slow:
            transaction = slow.begin()
            slow.execute(ENTRY)
            transaction.rollback()
        (run_id,) = submit(ratchet)
        found = wait_for(
            lambda: [e for e in feed.since(start) if e.run_id == run_id], "the event after the gap"
        )

    assert found[0].name == "run.created"
