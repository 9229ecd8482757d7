"""Messages become runs, across the death of an ingester, a rebalance and silent brokers."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from kafka_site import Site

from ratchet_kafka import KafkaSource
from tests.kafka_broker import KafkaBroker
from tests.waiting import wait_for

#: Makes a site, with the options of `Site`.
Make = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path, kafka: KafkaBroker) -> Iterator[Make]:
    kafka.order("topic", "orders", 6)
    with contextlib.ExitStack() as stack:

        def make(**options: object) -> Site:
            site = Site(tmp_path, kafka, **options)  # type: ignore[arg-type]
            stack.callback(site.runtime.close)
            return site

        yield make


class Writer:
    """Writes a few messages again and again, on a thread of its own, until told to stop."""

    def __init__(self, kafka: KafkaBroker) -> None:
        self.count = 0
        self._kafka = kafka
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> int:
        """End it, and return how many messages there are."""
        self._ended.set()
        self._thread.join()
        return self.count

    def _write(self) -> None:
        while not self._ended.wait(0.05):
            self._kafka.write("orders", 5, start=self.count)
            self.count += 5


def test_each_message_makes_one_run_though_its_ingester_is_killed(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site()
    kafka.write("orders", 400)
    with site.ingester() as first:
        wait_for(lambda: len(site.inputs()) >= 50, "the first runs")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    kafka.write("orders", 30, start=400)
    with site.ingester("second.log") as second:
        wait_for(lambda: len(site.inputs()) >= 430, "all runs", timeout_s=30)
        wait_for(lambda: kafka.committed("ratchet", "orders") == 430, "all to be committed")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(6) == 0
        assert "Traceback" not in second.text()

    assert site.numbers() == list(range(430))


def test_two_ingesters_join_and_leave_and_each_message_makes_one_run(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site(batch=20)
    with site.ingester("one.log") as one, Writer(kafka) as writer:
        wait_for(lambda: len(site.inputs()) >= 50, "the first runs")
        with site.ingester("two.log") as two:
            wait_for(lambda: "has its share" in two.text(), "the second to get its share")
            here = writer.count
            wait_for(lambda: len(site.inputs()) >= here + 100, "runs of both")
            shares = one.text().count("has its share")
            two.process.send_signal(signal.SIGTERM)
            assert two.process.wait(6) == 0
            assert "Traceback" not in two.text()
        wait_for(lambda: one.text().count("has its share") > shares, "the first to get all again")
        sent = writer.stop()
        wait_for(lambda: len(site.inputs()) >= sent, "all runs")
        wait_for(lambda: kafka.committed("ratchet", "orders") == sent, "all to be committed")
        assert "Traceback" not in one.text()

    assert site.numbers() == list(range(sent))


def test_with_results_a_message_waits_for_its_run_and_comes_again(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site(extra="ack: result\n      requeue: 1", options="dead_letter_topic: aside")
    kafka.order("topic", "aside", 1)
    kafka.write("orders", 1, headers={"good": "yes"})
    with site.ingester():
        wait_for(lambda: len(site.inputs()) == 1, "the run")
        assert kafka.committed("ratchet", "orders") == 0
        with site.worker():
            wait_for(lambda: kafka.committed("ratchet", "orders") == 1, "the run to complete")
            kafka.write("orders", 1, start=1, headers={"good": "no"})
            [aside] = kafka.read("aside", 1, timeout_s=20)
            wait_for(lambda: kafka.committed("ratchet", "orders") == 3, "all to be committed")

    assert site.numbers() == [0, 1, 1]  # the good one, the bad one, and the bad one once more
    headers = dict(aside.headers())
    assert b"did not complete" in headers["x-ratchet-reason"]
    assert aside.value() == b'{"n": 1}'
    assert aside.key() == b"1"


def test_while_too_many_runs_wait_messages_stay_where_they_are_and_the_group_is_kept(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site(most=40, batch=20)
    kafka.write("orders", 200)
    with site.ingester() as started:
        wait_for(lambda: site.state() == "holding", "the source to hold back")
        held = len(site.inputs())
        assert 40 <= held <= 80
        # longer than `max_poll_interval_seconds`: whoever did not poll would have lost its share
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 6.5, "the longest pause between polls to pass")
        assert len(site.inputs()) == held
        with site.worker():
            wait_for(lambda: len(site.inputs()) == 200, "all runs", timeout_s=30)
            wait_for(lambda: kafka.committed("ratchet", "orders") == 200, "all to be committed")
        assert "were lost" not in started.text()

    assert site.numbers() == list(range(200))


def test_brokers_that_go_and_come_back_are_noticed_and_nothing_is_lost(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site()
    with site.ingester() as started:
        wait_for(lambda: site.state() == "healthy", "the source to join")
        kafka.write("orders", 50)
        wait_for(lambda: len(site.inputs()) == 50, "the first runs")
        kafka.order("down")
        wait_for(lambda: site.state() == "failing", "the source to notice")
        assert kafka.servers in site.message()
        kafka.order("up")
        wait_for(lambda: site.state() == "healthy", "the source to come back")
        kafka.write("orders", 50, start=50)
        wait_for(lambda: len(site.inputs()) >= 100, "the runs")
        assert "Traceback" not in started.text()
        wait_for(lambda: kafka.committed("ratchet", "orders") == 100, "all to be committed")

    assert site.numbers() == list(range(100))


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_brokers_that_are_frozen_for_30_s_lose_nothing_and_double_nothing(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site()
    kafka.write("orders", 300)
    with site.ingester() as started:
        wait_for(lambda: len(site.inputs()) >= 50, "the first runs")
        kafka.freeze()
        frozen_at = time.monotonic()
        wait_for(lambda: site.state() == "failing", "the source to notice", timeout_s=30)
        wait_for(lambda: time.monotonic() - frozen_at > 30, "30 s to pass", timeout_s=31)
        kafka.thaw()
        kafka.write("orders", 100, start=300)
        wait_for(lambda: len(site.inputs()) >= 400, "all runs", timeout_s=60)
        wait_for(
            lambda: kafka.committed("ratchet", "orders") == 400, "all to be committed", timeout_s=30
        )
        wait_for(lambda: site.state() == "healthy", "the source to be well")
        assert "Traceback" not in started.text()

    assert site.numbers() == list(range(400))


def test_an_ingester_ends_in_time_though_the_brokers_are_silent(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site()
    kafka.write("orders", 20)
    with site.ingester() as started:
        wait_for(lambda: len(site.inputs()) == 20, "the runs")
        kafka.freeze()
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(8) == 0


def test_what_is_no_json_is_text_and_a_tombstone_is_null(
    make_site: Make, kafka: KafkaBroker
) -> None:
    site = make_site()
    kafka.write("orders", 1, key="plain", value="no { json")
    kafka.write("orders", 1, key="number", value="NaN")
    kafka.write("orders", 1, key="binary", value=b"\xff\x00")
    kafka.write("orders", 1, key=None, value=None, headers=[("a", b"1"), ("a", b"2"), ("b", None)])
    with site.ingester():
        wait_for(lambda: len(site.inputs()) == 4, "the runs")

    found = {event["key"]: event for event in site.inputs()}
    assert found["plain"]["value"] == "no { json"
    assert found["number"]["value"] == "NaN"
    assert found["binary"]["value"].startswith("\N{REPLACEMENT CHARACTER}")
    assert found[None]["value"] is None
    assert found[None]["headers"] == {"a": "2", "b": None}
    assert set(found[None]) == {"topic", "partition", "offset", "key", "value", "headers"}


def test_a_header_can_say_which_messages_are_the_same(make_site: Make, kafka: KafkaBroker) -> None:
    site = make_site(options="identity: 'header:id'")
    kafka.write("orders", 3, headers={"id": "a"})
    kafka.write("orders", 1, start=3, headers={"id": "b"})
    kafka.write("orders", 2, start=4)
    with site.ingester():
        wait_for(lambda: kafka.committed("ratchet", "orders") == 6, "all to be committed")

    assert len(site.inputs()) == 4  # a, b, and two that have no id


def test_a_topic_that_is_unknown_is_named_until_it_is_there(
    make_site: Make, kafka: KafkaBroker
) -> None:
    kafka.order("unknown", "orders")
    site = make_site(options='client: {"topic.metadata.refresh.interval.ms": 1000}')
    with site.ingester():
        wait_for(lambda: site.state() == "failing", "the source to notice")
        assert kafka.servers in site.message()
        assert "orders" in site.message()
        kafka.order("known", "orders")
        kafka.write("orders", 1)
        wait_for(lambda: len(site.inputs()) == 1, "the run")
        wait_for(lambda: site.state() == "healthy", "the source to be well")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bootstrap_servers": "k:9092"}, "topics: is missing"),
        ({"bootstrap_servers": "k:9092", "topics": "t"}, "topics: must be a list"),
        ({"topics": ["t"], "grupe_id": "g"}, "did you mean 'group_id'?"),
        ({"batch": 1001}, "batch: must be an integer"),
        ({"identity": "header:"}, "identity: must be offset, key or header:NAME"),
        ({"client": {"enable.auto.commit": True}}, "client.enable.auto.commit: cannot be set"),
        (
            {"bootstrap_servers": "k:1", "topics": ["t"], "dead_letter_topic": "t"},
            "dead_letter_topic: must be none of the topics",
        ),
        (
            {"bootstrap_servers": "k:1", "topics": ["t"], "max_poll_interval_seconds": 20},
            "session_timeout_seconds: must not exceed",
        ),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], problem: str) -> None:
    assert problem in "; ".join(KafkaSource.check(options))
