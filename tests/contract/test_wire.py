"""Statements straight through libpq: values, failures, what was forgotten, and who interrupts."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ratchet_core.errors import Unavailable
from ratchet_core.store.database import Database, Tx, wire_of
from ratchet_core.store.driver import Query, ask_all
from tests.contract.engine_house import House
from tests.hosts import host_engine

#: More than the buffers of both ends of a socket hold.
LARGE = 4_000_000


@pytest.fixture
def database(house: House) -> Database:
    """Give a PostgreSQL with a table of texts; SQLite has no wire."""
    if house.database.dialect != "postgresql":
        pytest.skip("SQLite is reached without a wire")
    with house.database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE noted (id text PRIMARY KEY)")
    return house.database


def noted(database: Database) -> list[str]:
    """Return what is in the table, in order."""
    with database.read() as tx:
        return [row[0] for row in Query("SELECT id FROM noted ORDER BY id").rows(tx, {})]


NOTE = Query("INSERT INTO noted (id) VALUES (:id)")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", None),
        ("text", ""),
        ("text", "ünï\\code \"quoted\" 'too' $1 %s :name 🦊"),
        ("bool", True),
        ("bool", False),
        ("int8", -(2**63)),
        ("int8", 2**63 - 1),
        ("float8", 0.1),
        ("float8", math.inf),
        ("text[]", []),
        ("text[]", ["a", "", "NULL", 'q"uo\\te', "{,}", " "]),
        ("int8[]", [1, -2, 2**62]),
    ],
)
def test_a_value_arrives_as_it_was_sent(database: Database, kind: str, value: Any) -> None:
    with database.read() as tx:
        answer = wire_of(tx).send(f"SELECT $1::{kind}, pg_typeof($1)::text", [value])

    assert answer.rows[0][0] == value


def test_the_same_statement_takes_values_of_other_types(database: Database) -> None:
    look = Query("SELECT id FROM noted WHERE id = coalesce(:id, 'none') LIMIT :limit")
    with database.read() as tx:
        NOTE.write(tx, {"id": "none"})
        found = [look.rows(tx, {"id": None, "limit": limit}) for limit in (1, None, 1)]

    assert found == [[("none",)]] * 3


@pytest.mark.parametrize("value", ["a\0b", ["a\0b"], {"a": 1}, "\ud800"])
def test_what_cannot_be_sent_costs_the_connection_nothing(database: Database, value: Any) -> None:
    with database.read() as tx:
        pid = Query("SELECT pg_backend_pid()").rows(tx, {})
        with pytest.raises((psycopg.DataError, TypeError, UnicodeEncodeError)):
            wire_of(tx).send("SELECT $1::text", [value])
        assert Query("SELECT pg_backend_pid()").rows(tx, {}) == pid


def test_after_one_that_fails_nothing_is_executed_and_all_can_be_sent_again(
    database: Database,
) -> None:
    later = Query("INSERT INTO noted (id) VALUES (:id) RETURNING id")
    with database.read() as tx:
        asked = [(later, {"id": "a"}), (Query("SELECT 1 / 0"), {}), (later, {"id": "b"})]
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                ask_all(tx, asked)
        assert noted(database) == []
        assert ask_all(tx, [asked[0], asked[2]]) == [[("a",)], [("b",)]]

    assert noted(database) == ["a", "b"]


def test_a_statement_that_cannot_be_prepared_is_no_other_s_harm(database: Database) -> None:
    wrong = Query("SELECT nothing FROM noted")
    with database.read() as tx:
        for _ in range(2):
            with pytest.raises(psycopg.errors.UndefinedColumn):
                ask_all(tx, [(wrong, {}), (NOTE, {"id": "a"})])
        assert NOTE.write(tx, {"id": "a"}) == 1


def test_large_values_both_ways_do_not_block_each_other(database: Database) -> None:
    echo = Query("SELECT :text ::text")
    text = "x" * LARGE
    with database.read() as tx:
        answers = ask_all(tx, [(echo, {"text": text}) for _ in range(5)])

    assert [len(rows[0][0]) for rows in answers] == [LARGE] * 5


def forget(tx: Tx) -> None:
    """Make the server forget what was prepared, as psycopg does after a DROP of its own."""
    tx.exec_driver_sql("DEALLOCATE ALL")


def test_a_forgotten_statement_is_prepared_again(database: Database) -> None:
    with database.read() as tx:
        NOTE.write(tx, {"id": "a"})
        forget(tx)
        NOTE.write(tx, {"id": "b"})

    assert noted(database) == ["a", "b"]


def test_a_pipelined_transaction_whose_statements_are_forgotten_is_done_once(
    database: Database,
) -> None:
    with database.read() as tx:
        NOTE.write(tx, {"id": "a"})
        forget(tx)
    with database.write(pipelined=True) as tx:
        NOTE.send(tx, {"id": "b"})

    assert noted(database) == ["a", "b"]


def test_what_is_forgotten_within_a_transaction_makes_it_be_done_again(database: Database) -> None:
    tries: list[int] = []

    def work(tx: Tx) -> None:
        NOTE.write(tx, {"id": "b"})
        if not tries:
            forget(tx)
        tries.append(1)
        NOTE.write(tx, {"id": "c"})

    database.transact(work)

    assert len(tries) == 2
    assert noted(database) == ["b", "c"]


class _InterruptedError(Exception):
    """What a handler of a signal raises here."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise in the block after so many seconds, wherever it is by then."""

    def interrupt(*_: object) -> None:
        raise _InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("pipelined", [True, False])
@pytest.mark.timeout(60, method="thread")  # the alarm is the test's
def test_who_is_interrupted_leaves_no_connection_in_the_middle(
    database: Database, caplog: pytest.LogCaptureFixture, *, pipelined: bool
) -> None:
    def work(tx: Tx) -> None:
        NOTE.send(tx, {"id": "a"})
        with interrupted_after(0.2):
            Query("SELECT pg_sleep(30)").rows(tx, {})

    with pytest.raises(_InterruptedError):
        database.transact(work, pipelined=pipelined)

    assert noted(database) == []
    assert [record.message for record in caplog.records if record.exc_info] == []


def test_a_commit_whose_connection_is_lost_says_so(database: Database) -> None:
    end = Query("SELECT pg_terminate_backend(pg_backend_pid())")

    def work(tx: Tx) -> None:
        NOTE.send(tx, {"id": "a"})
        end.send(tx, {})

    with pytest.raises(Unavailable):
        database.transact(work, pipelined=True)

    assert noted(database) == []


def test_what_is_sent_first_in_the_transaction_of_a_host_is_part_of_it(database: Database) -> None:
    with host_engine(database).connect() as host:
        transaction = host.begin()
        NOTE.write(host, {"id": "a"})
        transaction.rollback()
        with host.begin():
            NOTE.write(host, {"id": "b"})

    assert noted(database) == ["b"]


def test_what_a_host_makes_the_server_forget_is_not_missed(database: Database) -> None:
    with host_engine(database).connect() as host, host.begin():
        NOTE.write(host, {"id": "a"})
        forget(host)
        NOTE.write(host, {"id": "b"})

    assert noted(database) == ["a", "b"]
