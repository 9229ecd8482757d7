"""Reads for many at once: attempts of many workflows, the journal of all runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, text

from ratchet_core.domain.states import AttemptState, RunState
from ratchet_core.errors import RunNotFound
from ratchet_core.store.database import Database
from ratchet_core.store.reads import JournalStart
from tests.contract.engine_house import House, failure, workflow
from tests.hosts import host_engine
from tests.waiting import wait_for

#: Age from which a transaction counts as one that may have written before many others.
OLD_S = 0.6


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements that are sent to the database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def owners(count: int) -> list[tuple[str, ...]]:
    return [("default", f"flow-{number}") for number in range(count)]


def run_all(house: House, count: int, times: int) -> None:
    house.define(*(workflow(f"flow-{number}", only=()) for number in range(count)))
    for _ in range(times):
        for number in range(count):
            house.submit(f"flow-{number}")
        house.drain().work_off()


def test_the_newest_attempts_of_many_workflows_come_in_one_statement(
    house: House, database: Database
) -> None:
    run_all(house, 30, 3)

    with counted(database) as sent:
        found = house.reads.newest_attempts(owners(30), limit=2)

    assert len(sent) == 1
    assert {len(views) for views in found.values()} == {2}
    for owner, views in found.items():
        assert {(view.namespace, view.workflow) for view in views} == {owner}
        assert list(views) == sorted(views, key=lambda v: (v.started_at, v.id), reverse=True)


def test_more_workflows_than_one_statement_takes_are_asked_for_in_several(house: House) -> None:
    run_all(house, 2, 1)

    found = house.reads.newest_attempts(owners(600), limit=1)

    assert len(found) == 600
    assert [owner[1] for owner, views in found.items() if views] == ["flow-0", "flow-1"]


def test_attempts_are_counted_and_filtered_by_state(house: House) -> None:
    run_all(house, 2, 2)
    house.define(workflow("broken", only={"retryable": False}))
    house.submit("broken")
    house.drain().work_off({"only": failure()})
    asked = [*owners(2), ("default", "broken"), ("default", "absent")]

    totals = house.reads.attempt_totals(asked)
    failed = house.reads.attempt_totals(asked, states=(AttemptState.FAILED,))
    views = house.reads.newest_attempts(asked, states=(AttemptState.FAILED,))

    assert list(totals.values()) == [2, 2, 1, 0]
    assert list(failed.values()) == [0, 0, 1, 0]
    assert [len(found) for found in views.values()] == [0, 0, 1, 0]


def test_attempts_of_runs_come_by_run(house: House) -> None:
    house.define(workflow("pair", first=(), second=("first",)))
    one, two = house.submit("pair"), house.submit("pair")
    house.drain().work_off()

    found = house.reads.newest_attempts([(one.id,), (two.id,)], limit=1, offset=1)

    assert [[view.step for view in views] for views in found.values()] == [["first"], ["first"]]


def test_a_run_is_read_together_with_its_place_in_the_journal(house: House) -> None:
    house.define(workflow("flow", only=()))
    run = house.submit("flow")
    before, place = house.reads.run_at(run.id)
    house.drain().work_off()

    after, end = house.reads.run_at(run.id)

    assert (before.state, after.state) == (RunState.PENDING, RunState.COMPLETED)
    later = house.reads.events(run.id, place)
    assert [item.sequence for item in later][-1] == end
    with pytest.raises(RunNotFound):
        house.reads.run_at("no such run")


def test_the_tail_of_the_journal_holds_all_runs_in_order(house: House) -> None:
    run_all(house, 2, 1)

    tail = house.reads.journal_tail(0, 100)
    part = house.reads.journal_between(tail[0].sequence, tail[2].sequence, 100)

    sequences = [item.sequence for item in tail]
    assert sequences == sorted(sequences)
    assert len({item.run_id for item in tail}) == 2
    assert sequences[-1] == house.reads.journal_end()
    assert part == tail[1:3]


def test_whoever_may_still_write_a_lower_number_is_told(house: House, database: Database) -> None:
    if database.dialect != "postgresql":
        assert house.reads.journal_writers() is None
        return
    house.define(workflow("flow", only=()))
    house.submit("flow")
    entry = text("INSERT INTO journal (run_id, name, at) VALUES (:run, 'slow', 0)")

    with host_engine(database).connect() as slow, slow.begin():
        slow.execute(entry, {"run": "slow"})
        house.submit("flow")
        during = house.reads.journal_tail(0, 100)
        writers = house.reads.journal_writers()
    after = house.reads.journal_tail(0, 100)

    assert "slow" not in {item.name for item in during}
    assert writers
    assert "slow" in {item.name for item in after}
    assert after[-1].sequence == during[-1].sequence
    assert not writers & (house.reads.journal_writers() or frozenset())


def test_events_of_many_runs_are_those_of_each_and_come_in_one_statement(
    house: House, database: Database
) -> None:
    run_all(house, 3, 2)
    ids = list(dict.fromkeys(view.run_id for view in house.reads.journal_tail(0, 100)))
    place = house.reads.events(ids[1])[0].sequence

    for after, limit in ((0, 100), (0, 2), (place, 2)):
        with counted(database) as sent:
            found = house.reads.events_of([*ids, "no such run"], after, limit)
        assert len(sent) == 1
        assert found == {
            **{run_id: house.reads.events(run_id, after, limit) for run_id in ids},
            "no such run": (),
        }


def test_a_start_knows_which_entries_were_visible(house: House, database: Database) -> None:
    run_all(house, 1, 1)
    start = house.reads.journal_start()

    assert start == JournalStart(place=house.reads.journal_end(), end=house.reads.journal_end())
    if database.dialect != "postgresql":
        return
    entry = text("INSERT INTO journal (run_id, name, at) VALUES ('', 'slow', 0)")
    settled = start.place
    with host_engine(database).connect() as slow, slow.begin():
        slow.execute(entry)
        house.submit("flow-0")
        slow.execute(entry)
        house.submit("flow-0")
        starts = [house.reads.journal_start(), house.reads.journal_start(settled)]

    for start in starts:
        assert start.place == settled
        new = [n for n in range(settled + 1, settled + 6) if start.is_new(n)]
        assert new == [settled + 1, settled + 3, settled + 5]


def test_a_start_is_below_what_a_transaction_wrote_long_ago(
    house: House, database: Database
) -> None:
    """Its number is far below the newest ones, which only its age can tell."""
    if database.dialect != "postgresql":
        pytest.skip("one transaction writes at a time")
    run_all(house, 1, 1)
    settled = house.reads.journal_end()
    sequence = "pg_get_serial_sequence('journal', 'sequence')"
    with host_engine(database).connect() as slow, slow.begin():
        house.submit("flow-0")
        slow.execute(text("INSERT INTO journal (run_id, name, at) VALUES ('', 'slow', 0)"))
        with database.write() as tx:
            tx.execute(text(f"SELECT setval({sequence}, {settled + 50_000})"))
        house.submit("flow-0")
        wait_for(
            lambda: database_age_s(slow) > OLD_S, "the transaction to be one that lasts for long"
        )
        start = house.reads.journal_start()

    assert start.is_new(settled + 2)
    assert start.place < settled + 2


def database_age_s(connection: Connection) -> float:
    age = text("SELECT extract(epoch FROM clock_timestamp() - now())")
    return float(connection.execute(age).scalar_one())
