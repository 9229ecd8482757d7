"""Where a subscription without a cursor begins: all that is committed from then on, each once.

The numbers of events are given out before a commit. On PostgreSQL a transaction that is under way
while somebody subscribes holds numbers below those that are visible already.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from flask import Flask

from ratchet_core.api.door.call import AT_EXIT
from ratchet_core.app import create_app
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet
from tests.hosts import host_engine

#: Longest wait for one update.
WAIT_S = 20.0
REQUEST = SubmitRequest(namespace="default", name="echo")
EVENTS = """subscription($after: String) {
  runEvents(after: $after, names: ["run.created"]) { cursor job_id }
}"""
JOBS = "subscription($after: String) { jobs(after: $after) { cursor job_id: id } }"


@pytest.fixture
def app(ratchet: Ratchet) -> Iterator[Flask]:
    """Give an application on either database."""
    made = create_app(ratchet)
    yield made
    for close in made.extensions[AT_EXIT]:
        close()


def submit(ratchet: Ratchet) -> str:
    (run_id,) = ratchet.engine.submit_ids([REQUEST])
    return run_id


@contextmanager
def under_way(ratchet: Ratchet) -> Iterator[str]:
    """Make a run in a transaction that commits at the end of the block."""
    with ratchet.engine.turn() as turn, host_engine(ratchet.database).connect() as connection:
        if ratchet.database.dialect == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield turn.submit(connection, REQUEST)
            connection.exec_driver_sql("COMMIT")
            return
        with connection.begin():
            yield turn.submit(connection, REQUEST)


class Listening:
    """One subscription as a stream of events, read by a thread; it has begun when this is made."""

    def __init__(self, app: Flask, query: str, after: str | None = None) -> None:
        self._app = app
        self._body = {"query": query, "variables": {"after": after}}
        self._parts: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._parts.get(timeout=WAIT_S) == b":\n\n"

    def hear(self, count: int) -> list[dict[str, Any]]:
        """Return the next updates."""
        heard: list[dict[str, Any]] = []
        while len(heard) < count:
            part = self._parts.get(timeout=WAIT_S)
            if part.startswith(b"event: next"):
                data = orjson.loads(part.split(b"data: ", 1)[1])
                assert "errors" not in data, data
                heard.append(next(iter(data["data"].values())))
        return heard

    def _read(self) -> None:
        answer = self._app.test_client().post(
            "/graphql", json=self._body, headers={"Accept": "text/event-stream"}, buffered=False
        )
        with contextlib.closing(answer):
            for part in answer.response:
                self._parts.put(part.encode() if isinstance(part, str) else part)


def ids(updates: list[dict[str, Any]]) -> list[str]:
    return [update["job_id"] for update in updates]


@pytest.mark.parametrize("query", [EVENTS, JOBS], ids=["events", "jobs"])
@pytest.mark.parametrize("followed", [False, True], ids=["first", "second"])
def test_a_commit_under_way_is_told_to_who_subscribes_meanwhile(
    ratchet: Ratchet, app: Flask, query: str, followed: bool
) -> None:
    submit(ratchet)
    if followed:
        other = Listening(app, EVENTS)
        submit(ratchet)
        other.hear(1)  # the feed runs
    is_serial = ratchet.database.dialect == "sqlite"
    before = submit(ratchet) if is_serial else None

    with under_way(ratchet) as late:
        before = before or submit(ratchet)  # has a higher number, and is visible at once
        listening = Listening(app, query)
        after = [] if is_serial else [submit(ratchet)]
    after = after or [submit(ratchet)]
    heard = listening.hear(2)
    after.append(submit(ratchet))
    heard += listening.hear(1)

    assert ids(heard) == [late, *after]
    assert before not in ids(heard)
    assert ids(Listening(app, query, heard[1]["cursor"]).hear(1)) == [after[1]]


def test_nothing_is_missed_or_repeated_over_a_connection_that_breaks_in_the_middle(
    ratchet: Ratchet, app: Flask
) -> None:
    first = submit(ratchet)
    heard = Listening(app, EVENTS, "0").hear(1)
    made = []
    with under_way(ratchet) as late:
        made.append(late)
        if ratchet.database.dialect == "postgresql":
            made.append(submit(ratchet))
        listening = Listening(app, EVENTS, heard[-1]["cursor"])
    heard += listening.hear(1)  # and hears no more of the other
    made.append(submit(ratchet))
    heard += Listening(app, EVENTS, heard[-1]["cursor"]).hear(len(made) - 1)

    assert ids(heard) == [first, *made]


def test_a_transaction_that_gives_up_holds_nobody_up(ratchet: Ratchet, app: Flask) -> None:
    if ratchet.database.dialect == "sqlite":
        pytest.skip("one transaction writes at a time")
    with host_engine(ratchet.database).connect() as connection:
        transaction = connection.begin()
        with ratchet.engine.turn() as turn:
            turn.submit(connection, REQUEST)
            submit(ratchet)
            listening = Listening(app, EVENTS)
            after = submit(ratchet)
            transaction.rollback()
    assert ids(listening.hear(1)) == [after]


def test_a_transaction_that_began_long_before_the_newest_events_is_waited_for(
    ratchet: Ratchet, app: Flask
) -> None:
    if ratchet.database.dialect == "sqlite":
        pytest.skip("one transaction writes at a time")
    with under_way(ratchet) as late:
        for _ in range(4):
            ratchet.engine.submit_ids([REQUEST] * 1000)
        listening = Listening(app, EVENTS)
        after = submit(ratchet)
    assert ids(listening.hear(2)) == [late, after]
