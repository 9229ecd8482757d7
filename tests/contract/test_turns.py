"""Runs that join the transaction of an application: its commit starts them, or nothing does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, func, select, text
from sqlalchemy.orm import Session

from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ConfigurationError, IdempotencyConflict, WorkflowNotFound
from tests.contract.engine_house import House

ORDERS = Table("shop_orders", MetaData(), Column("id", Integer, primary_key=True))
ECHO = SubmitRequest(namespace="default", name="echo")


@pytest.fixture
def host(house: House) -> Iterator[Engine]:
    """Give an application's own engine on Ratchet's database, with a table of its own."""
    house.define(single_step("echo", "javascript"))
    engine = create_engine(house.database.url)
    ORDERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def stored(house: House) -> dict[str, int]:
    """Count what a run leaves, and the orders."""
    tables = ("runs", "steps", "journal", "shop_orders")
    with house.database.read() as tx:
        return {
            name: tx.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608
            for name in tables
        }


def test_a_commit_stores_the_run_with_what_the_application_wrote(
    house: House, host: Engine
) -> None:
    with house.engine.turn() as turn, Session(host) as session:
        session.execute(ORDERS.insert().values(id=1))
        run_id = turn.submit(session.connection(), ECHO)
        assert stored(house)["runs"] == 0
        assert house.rings == []
        session.commit()

    assert stored(house) == {"runs": 1, "steps": 1, "journal": 1, "shop_orders": 1}
    assert house.rings == [{"default": 1}]
    assert house.drain().work_off() == ["echo"]
    assert house.reads.run(run_id).state.value == "completed"


def test_a_rollback_leaves_nothing(house: House, host: Engine) -> None:
    with house.engine.turn() as turn, Session(host) as session:
        session.execute(ORDERS.insert().values(id=1))
        turn.submit(session.connection(), ECHO)
        session.rollback()

    assert set(stored(house).values()) == {0}


def test_an_error_in_the_block_leaves_nothing_and_rings_for_nothing(
    house: House, host: Engine
) -> None:
    def fail() -> None:
        with house.engine.turn() as turn, host.begin() as connection:
            turn.submit(connection, ECHO)
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert set(stored(house).values()) == {0}
    assert house.rings == []


def test_a_run_that_is_the_first_change_of_its_transaction_can_be_rolled_back(
    house: House, host: Engine
) -> None:
    with house.engine.turn() as turn, host.connect() as connection:
        connection.execute(select(func.count()).select_from(ORDERS))
        turn.submit(connection, ECHO)
        connection.rollback()

    assert set(stored(house).values()) == {0}


def test_a_savepoint_of_the_application_takes_its_runs_with_it(house: House, host: Engine) -> None:
    with house.engine.turn() as turn, Session(host) as session:
        session.execute(ORDERS.insert().values(id=1))
        kept = turn.submit(session.connection(), ECHO)
        with session.begin_nested() as inner:
            turn.submit(session.connection(), ECHO)
            inner.rollback()
        session.commit()

    assert stored(house)["runs"] == 1
    assert house.reads.run(kept).id == kept


def test_a_key_makes_one_run_in_one_transaction_and_across_two(house: House, host: Engine) -> None:
    keyed = SubmitRequest(namespace="default", name="echo", idempotency_key="order-1")
    with house.engine.turn() as turn, Session(host) as session:
        first = turn.submit(session.connection(), keyed)
        again = turn.submit(session.connection(), keyed)
        session.commit()
    with house.engine.turn() as turn, Session(host) as session:
        later = turn.submit(session.connection(), keyed)
        other = SubmitRequest(
            namespace="default", name="echo", idempotency_key="order-1", input={"a": 1}
        )
        with pytest.raises(IdempotencyConflict):
            turn.submit(session.connection(), other)
        session.execute(ORDERS.insert().values(id=1))
        session.commit()

    assert first == again == later
    assert stored(house)["runs"] == stored(house)["shop_orders"] == 1


def test_two_transactions_at_once_with_one_key_make_one_run(house: House, host: Engine) -> None:
    made: dict[str, set[str]] = {}
    start = threading.Barrier(4)

    def submit() -> None:
        for number in range(10):
            key = f"order-{number}"
            start.wait(10)
            with house.engine.turn() as turn, Session(host) as session:
                request = SubmitRequest(namespace="default", name="echo", idempotency_key=key)
                made.setdefault(key, set()).add(turn.submit(session.connection(), request))
                session.commit()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(ids) for ids in made.values()] == [1] * 10
    assert stored(house)["runs"] == 10


def test_what_submit_refuses_is_refused_and_the_transaction_goes_on(
    house: House, host: Engine
) -> None:
    with house.engine.turn() as turn, Session(host) as session:
        session.execute(ORDERS.insert().values(id=1))
        with pytest.raises(WorkflowNotFound):
            turn.submit(session.connection(), SubmitRequest(namespace="default", name="nope"))
        session.commit()

    assert stored(house)["shop_orders"] == 1


def test_a_connection_without_a_transaction_is_refused(house: House, host: Engine) -> None:
    with (
        house.engine.turn() as turn,
        host.connect() as connection,
        pytest.raises(ConfigurationError, match="no open transaction"),
    ):
        turn.submit(connection, ECHO)

    assert stored(house)["runs"] == 0


def test_another_database_is_refused(house: House, host: Engine) -> None:
    elsewhere = create_engine("sqlite://")
    with house.engine.turn() as turn, elsewhere.begin() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(ConfigurationError, match=r"another database|only join"):
            turn.submit(connection, ECHO)
    elsewhere.dispose()


def test_a_verb_of_the_engine_in_the_block_says_so_instead_of_hanging(
    house: House, host: Engine
) -> None:
    if house.database.dialect == "postgresql":
        pytest.skip("writers do not queue at one lock")
    with house.engine.turn(), pytest.raises(RuntimeError, match="holds the write lock already"):
        house.submit("echo")


def test_ratchets_own_writers_wait_until_the_turn_is_over(house: House, host: Engine) -> None:
    with house.engine.turn() as turn, Session(host) as session:
        turn.submit(session.connection(), ECHO)
        other = threading.Thread(target=house.submit, args=("echo",))
        other.start()
        session.commit()
    other.join(20)

    assert not other.is_alive()
    assert stored(house)["runs"] == 2
