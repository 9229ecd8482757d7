"""What a run sees of a message, what tells messages apart, and what a copy keeps."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import orjson
import pytest
from pika import BasicProperties

from ratchet_rabbitmq.incoming import Incoming, copied, identity_of, inbound


def message(body: bytes = b"{}", **properties: Any) -> Incoming:
    return Incoming(
        tag=1,
        exchange="e",
        routing_key="k",
        is_redelivered=False,
        properties=BasicProperties(**properties),
        body=body,
    )


def test_headers_are_json_with_names_in_lower_case() -> None:
    headers = {
        "X-Time": dt.datetime(2026, 1, 2),  # noqa: DTZ001 - as pika reads times
        "x-price": decimal.Decimal("1.5"),
        b"\xff": b"\xfe",
        "x-deep": [{"a": b"b"}],
        "Content-Type": "text/html",
    }

    found = inbound(
        message(headers=headers, content_type="application/json"),
        "q",
        "message_id",
        with_properties=True,
    )

    given = found.input
    assert given["headers"] == {
        "x-time": "2026-01-02T00:00:00+00:00",
        "x-price": 1.5,
        "\ufffd": "\ufffd",
        "x-deep": [{"a": "b"}],
        "content-type": "application/json",  # the property speaks for the message
    }
    assert given["properties"]["redelivered"] is False
    orjson.dumps(given)


@pytest.mark.parametrize(
    ("rule", "properties", "identity"),
    [
        ("message_id", {"message_id": "a"}, "q:a"),
        ("message_id", {}, None),
        ("message_id", {"message_id": ""}, None),
        ("correlation_id", {"correlation_id": "c", "message_id": "a"}, "q:c"),
        ("header:x-key", {"headers": {"x-key": 7}}, "q:7"),
        ("header:x-key", {"headers": {}}, None),
        ("none", {"message_id": "a"}, None),
        ("message_id", {"message_id": "a", "headers": {"x-ratchet-requeued": 2}}, "q:a:requeue 2"),
        ("message_id", {"message_id": "a", "headers": {"x-ratchet-requeued": "x"}}, "q:a"),
        ("message_id", {"message_id": "a", "headers": {"x-ratchet-requeued": -1}}, "q:a"),
    ],
)
def test_the_identity_is_the_queue_and_what_the_rule_names(
    rule: str, properties: dict[str, Any], identity: str | None
) -> None:
    assert identity_of(message(**properties), "q", rule) == identity


@pytest.mark.parametrize("odd", ["x" * 300, "line\nbreak", "\ud800"])
def test_an_odd_id_is_digested(odd: str) -> None:
    found = identity_of(message(message_id=odd), "q", "message_id")

    assert found is not None
    assert found.startswith("message:")
    assert found != identity_of(message(message_id=f"{odd}."), "q", "message_id")


def test_content_is_what_was_sent_and_not_what_brokers_add() -> None:
    first = message(b"1", headers={"a": 1})
    again = message(b"1", headers={"a": 1, "x-delivery-count": 3, "x-death": [{"count": 1}]})
    others = [message(b"2", headers={"a": 1}), message(b"1", headers={"a": 2}), message(b"1")]

    known = identity_of(first, "q", "content")
    assert identity_of(again, "q", "content") == known
    assert known not in [identity_of(other, "q", "content") for other in others]


def test_a_copy_can_be_sent_whatever_its_headers_are() -> None:
    headers = {
        "x-float": 1.5,
        "x-large": 2**63,
        "x-flag": True,
        "x-deep": {b"\xff": [0.5]},
        "CC": ["elsewhere"],
    }
    original = message(headers=headers, user_id="guest", message_id="a", expiration="1000")

    copy = copied(original, {"x-ratchet-requeued": 1}, expires=False)

    copy.encode()
    assert copy.headers == {
        "x-float": "1.5",
        "x-large": str(2**63),
        "x-flag": True,
        "x-deep": {"\ufffd": ["0.5"]},
        "x-ratchet-requeued": 1,
    }
    assert (copy.user_id, copy.message_id, copy.expiration) == (None, "a", None)
    assert copied(original, {}, expires=True).expiration == "1000"
