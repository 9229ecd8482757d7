"""What may be committed, and what tells messages apart: without any broker."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ratchet_kafka.message import Record
from ratchet_kafka.positions import Positions

PLACE = ("orders", 3)


def record(**changes: Any) -> Record:
    given: dict[str, Any] = {
        "topic": "orders",
        "partition": 3,
        "offset": 1207,
        "timestamp_ms": 1_700_000_000_000,
        "key": b"k",
        "value": b"{}",
        "headers": (),
    }
    return Record(**{**given, **changes})


@given(st.integers(1, 30).flatmap(lambda count: st.permutations(range(count))), st.data())
def test_an_offset_is_due_only_once_all_before_it_are_done(order: list[int], data: Any) -> None:
    positions = Positions()
    for offset in range(len(order)):
        positions.read(PLACE, offset)
    done: set[int] = set()
    for offset in order:
        positions.done(PLACE, offset)
        done.add(offset)
        reached = next(number for number in range(len(order) + 1) if number not in done)
        committed = data.draw(st.booleans())
        due = positions.due().get(PLACE)
        assert due is None or due == reached
        if committed and due is not None:
            positions.committed(PLACE, due)
            assert positions.due() == {}
    positions.committed(PLACE, len(order))
    assert positions.due() == {}


def test_partitions_that_others_have_are_forgotten() -> None:
    positions = Positions()
    positions.read(PLACE, 5)
    positions.read(("orders", 4), 9)
    positions.done(("orders", 4), 9)
    positions.forget([PLACE])
    positions.done(PLACE, 5)

    assert positions.due() == {("orders", 4): 10}
    assert positions.due([PLACE]) == {}


def test_a_message_is_told_by_where_and_when_it_was_written() -> None:
    assert record().identity("offset") == "orders:3:1207@1700000000000"
    others = [
        record(offset=1208),
        record(partition=4),
        record(topic="others"),
        record(timestamp_ms=1),  # the topic was made anew
    ]
    assert len({one.identity("offset") for one in [record(), *others]}) == 5


def test_a_key_or_a_header_tells_a_message_where_it_has_one() -> None:
    headers = (("id", b"a"),)

    assert record().identity("key") == record(offset=9).identity("key") == "orders:key k"
    assert record(key=None).identity("key") == record().identity("offset")
    assert record(headers=headers).identity("header:id") == "orders:id a"
    assert record().identity("header:id") == record().identity("offset")
    assert record(key=b"\xff").identity("key") != record(key=b"\xfe").identity("key")
    long = record(key=b"x" * 500).identity("key")
    assert len(long) <= 200
    assert long != record(key=b"x" * 501).identity("key")


def test_a_message_that_was_put_back_is_another_and_keeps_where_it_came_from() -> None:
    first = record(headers=(("a", b"1"),))
    again = {name: _bytes(value) for name, value in first.again("offset")}
    second = record(offset=2000, headers=tuple(again.items()))
    third = {name: _bytes(value) for name, value in second.again("offset")}

    assert second.requeued == 1
    assert second.identity("offset") == "orders:3:1207@1700000000000:requeue 1"
    assert third["x-ratchet-requeued"] == b"2"
    assert third["x-ratchet-origin"] == again["x-ratchet-origin"]
    assert second.inbound("offset").input["kafka_event"]["headers"] == {"a": "1"}


def test_nonsense_in_the_header_of_the_count_is_no_count() -> None:
    for text in (b"-1", b"many", "²".encode(), b"99999", b""):
        assert record(headers=(("x-ratchet-requeued", text),)).requeued == 0


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
