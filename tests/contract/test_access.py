"""API keys and the audit log, on both databases."""

from __future__ import annotations

import itertools
import secrets
import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, text, update

from ratchet_core.access.audit import AuditLog
from ratchet_core.access.keys import ApiKeys, KeyRequest
from ratchet_core.errors import Conflict, NotFound, ValidationFailed
from ratchet_core.store.audit import Entry
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.schema import api_keys, audit
from tests.contract.engine_house import House, workflow
from tests.waiting import wait_for


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    numbers = itertools.count()
    return ApiKeys(database, lambda: f"{next(numbers):036}", secrets.randbelow)


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database)


def entry(number: int) -> Entry:
    return Entry(
        call_id=f"call-{number}",
        principal="jwt:alice",
        address="127.0.0.1",
        method="POST",
        path="/api/v1/jobs",
        operation="createJob",
        permission="workflow:run",
        status=201,
    )


def test_a_key_is_found_with_its_rights(keys: ApiKeys) -> None:
    made = keys.create(
        KeyRequest(name="ci", roles=("viewer@payments",), permissions=("run:*",), namespaces=("a",))
    )

    found = keys.find(made.key)

    assert found is not None
    assert (found.id, found.roles, found.permissions, found.namespaces) == (
        made.prefix,
        ("viewer@payments",),
        ("run:*",),
        ("a",),
    )


def test_nothing_that_is_stored_is_the_key(keys: ApiKeys, database: Database) -> None:
    made = keys.create(KeyRequest(name="ci", roles=("viewer",)))

    with database.read() as tx:
        stored = str(tx.execute(text("SELECT * FROM api_keys")).all())
    assert made.key not in stored
    assert made.key.rpartition("_")[2] not in stored
    assert made.key not in repr(made)


@pytest.mark.parametrize("change", ["", "rtk_", "x", "é", "last", "cut", "long"])
def test_a_key_that_differs_is_not_found(keys: ApiKeys, change: str) -> None:
    key = keys.create(KeyRequest(name="ci", roles=("viewer",))).key
    last = "a" if key[-1] != "a" else "b"
    wrong = {"last": key[:-1] + last, "cut": key[:-1], "long": key + "a"}.get(change, change)

    assert keys.find(wrong) is None


def test_a_revoked_key_is_not_found_and_not_revoked_again(keys: ApiKeys) -> None:
    made = keys.create(KeyRequest(name="ci", roles=("viewer",)))
    keys.revoke(made.prefix)

    assert keys.find(made.key) is None
    assert keys.listed()[0].revoked_at is not None
    with pytest.raises(NotFound):
        keys.revoke(made.prefix)


def test_a_key_ends_when_its_time_is_over(keys: ApiKeys) -> None:
    made = keys.create(
        KeyRequest(name="ci", roles=("viewer",), lifetime=timedelta(milliseconds=400))
    )

    assert keys.find(made.key) is not None
    wait_for(lambda: keys.find(made.key) is None, "the key to end")


def test_the_use_of_a_key_is_noted_once_a_minute(keys: ApiKeys, database: Database) -> None:
    made = keys.create(KeyRequest(name="ci", roles=("viewer",)))
    assert keys.listed()[0].last_used_at is None

    keys.find(made.key)
    first = keys.listed()[0].last_used_at
    keys.find(made.key)

    assert first is not None
    assert keys.listed()[0].last_used_at == first
    database.transact(lambda tx: tx.execute(update(api_keys).values(last_used_at=0)))
    keys.find(made.key)
    assert keys.listed()[0].last_used_at != first


@pytest.mark.parametrize(
    "request_",
    [
        KeyRequest(name=""),
        KeyRequest(name="a\n"),
        KeyRequest(name="ci", roles=("root",)),
        KeyRequest(name="ci", permissions=("run:explode",)),
        KeyRequest(name="ci", roles=("viewer",), lifetime=timedelta(0)),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(keys: ApiKeys, request_: KeyRequest) -> None:
    with pytest.raises(ValidationFailed):
        keys.create(request_)

    assert keys.listed() == ()


def test_sealed_entries_hold_together(log: AuditLog) -> None:
    for number in range(3):
        log.record(entry(number))

    assert log.seal() == 3
    log.record(entry(3))
    assert log.seal() == 1
    verdict = log.verify()
    assert (verdict.entries, verdict.broken_at, verdict.unsealed) == (4, None, 0)
    assert log.seal() == 0


def test_an_unsealed_entry_is_counted(log: AuditLog) -> None:
    log.record(entry(1))

    assert log.verify().unsealed == 1


@pytest.mark.parametrize(
    ("harm", "broken_at"),
    [
        (update(audit).where(audit.c.position == 2).values(principal="jwt:bob"), 2),
        (update(audit).where(audit.c.position == 3).values(at=1), 3),
        (delete(audit).where(audit.c.position == 1), 1),
        (delete(audit).where(audit.c.position == 2), 2),
        (update(audit).where(audit.c.position == 5).values(digest="0" * 64), 5),
    ],
)
def test_tampering_breaks_the_chain_where_it_was_done(
    log: AuditLog, database: Database, harm: object, broken_at: int
) -> None:
    for number in range(5):
        log.record(entry(number))
    log.seal()

    database.transact(lambda tx: tx.execute(harm))  # type: ignore[call-overload]

    assert log.verify().broken_at == broken_at


def test_cutting_the_end_off_changes_the_end_that_was_noted(
    log: AuditLog, database: Database
) -> None:
    for number in range(2):
        log.record(entry(number))
    log.seal()
    noted = log.verify().end

    database.transact(lambda tx: tx.execute(delete(audit).where(audit.c.position == 2)))

    assert log.verify().end != noted


def test_sealers_and_writers_beside_each_other_make_one_chain(
    log: AuditLog, database: Database
) -> None:
    def work(offset: int) -> None:
        mine = AuditLog(database)
        for number in range(20):
            mine.record(entry(offset + number))
            mine.seal()

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.seal()

    verdict = log.verify()
    assert (verdict.entries, verdict.broken_at, verdict.unsealed) == (60, None, 0)


def test_an_entry_is_stored_with_the_change_and_finished_before_the_answer(
    log: AuditLog, database: Database
) -> None:
    opened = log.opened(entry(1))
    database.companion = lambda: opened

    database.transact(lambda tx: tx.execute(delete(api_keys)))

    [stored] = log.newest(9)
    assert (stored.entry.call_id, stored.entry.status) == ("call-1", 0)
    assert log.seal() == 0  # its status is still to come
    database.transact(lambda tx: tx.execute(delete(api_keys)))
    opened.finish(201)
    assert [item.entry.status for item in log.newest(9)] == [201]
    assert log.seal() == 1
    assert log.verify().broken_at is None


def test_a_change_that_is_rolled_back_leaves_no_entry_but_that_of_its_refusal(
    log: AuditLog, database: Database
) -> None:
    opened = log.opened(entry(1))
    database.companion = lambda: opened

    def refuse(tx: Tx) -> None:
        opened.write(tx)
        raise Conflict("no")

    with pytest.raises(Conflict):
        database.transact(refuse)

    assert log.newest(9) == []
    opened.finish(409)
    assert [item.entry.status for item in log.newest(9)] == [409]


def test_without_its_entry_there_is_no_change(keys: ApiKeys, database: Database) -> None:
    opened = AuditLog(database).opened(entry(1))
    database.transact(lambda tx: tx.execute(text("ALTER TABLE audit RENAME TO gone")))
    database.companion = lambda: opened

    with pytest.raises(Exception, match="audit"):
        keys.create(KeyRequest(name="ci", roles=("viewer",)))

    assert keys.listed() == ()


def test_a_call_that_never_answers_is_sealed_without_a_status(
    log: AuditLog, database: Database
) -> None:
    opened = log.opened(entry(1))
    database.companion = lambda: opened
    database.transact(lambda tx: tx.execute(delete(api_keys)))
    database.companion = lambda: None
    assert log.seal() == 0

    database.transact(lambda tx: tx.execute(update(audit).values(at=audit.c.at - 200_000_000)))

    assert log.seal() == 1
    opened.finish(200)  # too late for the sealed entry: it gets one of its own
    assert [item.entry.status for item in log.newest(9)] == [200, 0]
    assert log.seal() == 1
    assert log.verify().broken_at is None


def test_an_entry_goes_with_a_submission_in_its_pipeline(database: Database) -> None:
    house = House(database)
    house.define(workflow("w", a=()))
    log = AuditLog(database)
    opened = log.opened(entry(1))
    database.companion = lambda: opened

    run = house.submit("w")

    opened.finish(202)
    assert [item.entry.status for item in log.newest(9)] == [202]
    assert house.states(run.id) == {"a": "ready"}
