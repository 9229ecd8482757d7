"""Messages of a queue become runs: each once, whoever dies meanwhile."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ingesting import Site

from ratchet_rabbitmq import RabbitSource
from tests.rabbitmq import Broker
from tests.waiting import wait_for as wait_briefly

# Each starts processes, and a machine that is busy with other tests starts them slowly.
pytestmark = pytest.mark.timeout(180)
wait_for = partial(wait_briefly, timeout_s=60.0)

#: Makes a site, of options of its source and of other keys of it.
Make = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path, rabbit_url: str) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def make(options: dict[str, Any], **keys: Any) -> Site:
            site = Site(tmp_path, {"url": rabbit_url, **options}, **keys)
            stack.callback(site.runtime.close)
            return site

        yield make


def test_each_message_makes_one_run_though_its_ingester_is_killed(
    make_site: Make, broker: Broker
) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "prefetch": 50})
    broker.send_numbered(queue, range(400))
    with site.ingester() as first:
        wait_for(lambda: site.count() >= 50, "the first runs")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    broker.send_numbered(queue, range(390, 430))  # ten of them for the second time
    with site.ingester() as second:
        wait_for(lambda: site.count() >= 430, "all runs")
        wait_for(lambda: site.told()["doubles"] >= 10, "the doubles to be counted")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(6) == 0
        assert "Traceback" not in second.text()

    assert broker.count(queue) == 0  # nothing came back when it said goodbye
    messages = [given["message"] for given in site.inputs()]
    assert sorted(messages) == sorted(f'{{"n":{number}}}' for number in range(430))


def test_a_run_sees_the_queue_the_text_and_the_headers(make_site: Make, broker: Broker) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "include_properties": True})
    headers = {"X-Kind": "order", "x-count": 3, "x-deep": {"a": [1, None, True]}}
    broker.send(queue, "ä".encode(), message_id="a", headers=headers, content_type="text/plain")
    broker.send(queue, b"plain", message_id="b")
    with site.ingester():
        wait_for(lambda: site.count() == 2, "the runs")

    plain, rich = sorted(site.inputs(), key=lambda given: str(given["message"]))
    assert rich["queue_name"] == queue
    assert rich["message"] == "ä"
    assert rich["headers"] == {
        "x-kind": "order",
        "x-count": 3,
        "x-deep": {"a": [1, None, True]},
        "content-type": "text/plain",
    }
    assert rich["properties"]["message_id"] == "a"
    assert rich["properties"]["redelivered"] is False
    assert rich["properties"]["routing_key"] == queue
    assert plain["headers"] == {}


def test_two_ingesters_share_a_queue(make_site: Make, broker: Broker) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "prefetch": 10})
    with site.ingester("one.log"), site.ingester("two.log"):
        wait_for(lambda: site.state() == "healthy", "the ingesters")
        broker.send_numbered(queue, range(200))
        wait_for(lambda: site.count() >= 200, "all runs")

    assert broker.count(queue) == 0
    assert site.count() == 200


def test_what_can_never_become_a_run_is_put_aside_with_the_reason(
    make_site: Make, broker: Broker
) -> None:
    queue, aside = broker.queue(), broker.queue()
    site = make_site({"queue": queue, "dead_letter_queue": aside})
    with site.ingester():
        broker.send(queue, b"\xff\xfe", message_id="no text", expiration="60000")
        broker.send(queue, b"{}", message_id="no order", headers={"x-shape": "x", "x-f": 1})
        broker.send(queue, b"{}", message_id="good")
        wait_for(lambda: broker.count(aside) == 2, "the messages to be put aside")
        wait_for(lambda: site.told()["rejected"] == 2, "the rejected to be counted")

    assert broker.count(queue) == 0
    assert site.count() == 1
    found = dict(taken_by_id(broker, aside))
    binary, shapeless = found["no text"], found["no order"]
    assert binary.headers["x-ratchet-queue"] == queue
    assert binary.expiration is None
    assert "no JSON" in binary.headers["x-ratchet-reason"]
    assert shapeless.headers["x-f"] == 1
    assert "x-shape" in shapeless.headers["x-ratchet-reason"]


def taken_by_id(broker: Broker, queue: str) -> Iterator[tuple[str, Any]]:
    while (taken := broker.take(queue)) is not None:
        yield taken[0].message_id, taken[0]


def test_without_a_queue_for_it_the_broker_decides_what_becomes_of_the_rejected(
    make_site: Make, broker: Broker
) -> None:
    aside = broker.queue()
    queue = broker.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": aside})
    site = make_site({"queue": queue})
    broker.send(queue, b"\xff", message_id="no text")
    with site.ingester():
        wait_for(lambda: broker.count(aside) == 1, "the dead letter")

    [(_, properties)] = taken_by_id(broker, aside)
    assert properties.headers["x-death"][0]["reason"] == "rejected"


def test_with_results_a_message_waits_for_its_run_and_comes_again(
    make_site: Make, broker: Broker
) -> None:
    queue, aside = broker.queue(), broker.queue()
    options = {"queue": queue, "dead_letter_queue": aside, "prefetch": 1}
    site = make_site(options, ack="result", requeue=2)
    broker.send(queue, b"1", message_id="good")
    broker.send(queue, b"2", message_id="bad", user_id="guest", headers={"x-good": "no"})
    with site.ingester():
        wait_for(lambda: site.count() == 1, "the run")
        assert broker.count(queue) == 1  # the first is not acknowledged: the second has to wait
        with site.worker():
            wait_for(
                lambda: broker.count(aside) == 1,
                "the refused one to be put aside",
            )

    assert broker.count(queue) == 0
    assert site.count() == 4  # the good one, the bad one, and the bad one twice more
    [(message_id, properties)] = taken_by_id(broker, aside)
    assert message_id == "bad"
    assert "did not complete" in properties.headers["x-ratchet-reason"]
    assert properties.headers["x-ratchet-requeued"] == 2


def test_with_results_no_message_is_lost_when_the_ingester_is_killed(
    make_site: Make, broker: Broker
) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "prefetch": 1}, ack="result")
    broker.send_numbered(queue, range(20))
    with site.worker():
        with site.ingester("one.log") as first:
            wait_for(lambda: site.count() >= 5, "some runs")
            first.process.kill()
            first.process.wait()
        broker.send(queue, b"21", message_id="last")
        with site.ingester("two.log"):
            # it is taken only after all others have been acknowledged
            wait_for(lambda: site.count() == 21, "the last run")

    messages = [given["message"] for given in site.inputs()]
    assert sorted(messages) == sorted(["21", *(f'{{"n":{number}}}' for number in range(20))])


def test_a_queue_that_is_not_there_is_named_and_waited_for(make_site: Make, broker: Broker) -> None:
    queue = broker.name()
    site = make_site({"queue": queue})
    with site.ingester() as started:
        wait_for(lambda: site.state() == "failing", "the source to notice")
        assert f"no queue '{queue}'" in site.reason()
        broker.channel.queue_declare(queue, durable=True)
        wait_for(lambda: site.state() == "healthy", "the source to find it")
        broker.channel.queue_delete(queue)
        wait_for(lambda: site.state() == "failing", "the source to notice")
        assert "is gone" in site.reason()
        assert "Traceback" not in started.text()


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_is_made_where_it_is_not_there(make_site: Make, broker: Broker, kind: str) -> None:
    queue, aside = broker.name(), broker.name()
    site = make_site({"queue": queue, "declare": kind, "dead_letter_queue": aside})
    with site.ingester():
        wait_for(lambda: site.state() == "healthy", "the source to connect")
        broker.send(queue, b"\xff", message_id="no text")
        wait_for(lambda: broker.count(aside) == 1, "the message to be put aside")


def test_heartbeats_go_on_while_messages_wait_for_workers(make_site: Make, broker: Broker) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "heartbeat_seconds": 1, "prefetch": 30})
    site.env["RATCHET_INPUT_MAX_WAITING_STEPS"] = "10"
    with site.ingester() as started:
        broker.send_numbered(queue, range(30))
        wait_for(lambda: site.count() == 30, "more runs than may wait")
        broker.send_numbered(queue, range(30, 61))
        wait_for(lambda: site.state() == "holding", "the messages to wait")
        # a broker closes a connection after two heartbeats have not come
        wait_for(lambda: silent_for(started.log, 5.0), "five quiet seconds")
        assert site.state() == "holding"
        assert broker.count(queue) == 1  # as many as it may have are still with the ingester
        assert site.count() == 30
        with site.worker():
            wait_for(lambda: site.count() == 61, "the other runs")

    assert broker.count(queue) == 0


def silent_for(log: Path, seconds: float) -> bool:
    return time.time() - log.stat().st_mtime >= seconds


@pytest.mark.parametrize(
    ("rule", "runs"), [("content", 3), ("header:x-key", 2), ("none", 4), ("correlation_id", 4)]
)
def test_what_tells_messages_apart_can_be_chosen(
    make_site: Make, broker: Broker, rule: str, runs: int
) -> None:
    queue = broker.queue()
    site = make_site({"queue": queue, "identity": rule})
    for body, key in ((b"1", "a"), (b"1", "a"), (b"2", "a"), (b"1", "b")):
        broker.send(queue, body, headers={"x-key": key})
    with site.ingester():
        wait_for(lambda: site.told()["messages"] + site.told()["doubles"] == 4, "all messages")

    assert broker.count(queue) == 0
    assert site.count() == runs


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "amqp://h"}, "queue: is missing"),
        ({"url": "amqp://h", "queue": "q", "quue": "q"}, "did you mean 'queue'?"),
        ({"url": "amqp://h", "queue": "q", "prefetch": 0}, "prefetch: must be an integer"),
        ({"url": "amqp://h", "queue": "q", "identity": "id"}, "identity: must be message_id"),
        ({"url": "amqp://h", "queue": "q", "identity": "header:"}, "identity: must be message_id"),
        ({"url": "amqp://h", "queue": "q", "declare": "topic"}, "declare: must be one of"),
        ({"url": "amqp://h", "queue": "q", "arguments": {}}, "arguments: are of a queue"),
        ({"url": "amqp://h", "queue": "q", "dead_letter_queue": "q"}, "is the queue itself"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(RabbitSource.check(options))
