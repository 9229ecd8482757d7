"""acceptance.md, Ratchet: the seed's script for RabbitMQ, from a queue to its acknowledgement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.acceptance.conftest import ROOT
from tests.processes import ratchet_up
from tests.rabbitmq import Broker
from tests.waiting import wait_for

CONFIGURATION = """\
input:
  sources:
    - name: orders
      type: rabbitmq
      workflow: rabbitmq-consumer
      ack: result
      options:
        url: "${{ORDERS_RABBITMQ_URL}}"
        queue: {queue}
        prefetch: 1
        dead_letter_queue: {aside}
output:
  global_destinations:
    - name: totals
      destination:
        type: rabbitmq
        url: "${{ORDERS_RABBITMQ_URL}}"
        queue: {totals}
"""


@dataclass
class Place:
    """A Ratchet with the seed's script behind a queue."""

    base: str
    broker: Broker
    queue: str  #: whose messages become jobs
    aside: str  #: where those end that cannot be processed
    totals: str  #: where results go

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs, the oldest first."""
        found = requests.get(f"{self.base}/api/v1/jobs?limit=100", timeout=10).json()
        return list(reversed(found["items"]))

    def ended(self, place: int) -> dict[str, Any]:
        """Return the job of that place once it has ended."""

        def look() -> dict[str, Any] | None:
            jobs = self.jobs()
            if len(jobs) <= place or jobs[place]["status"] not in {"completed", "failed"}:
                return None
            return jobs[place]

        return wait_for(look, f"job {place} to end", timeout_s=40)


@pytest.fixture(scope="module")
def place(rabbit_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("rabbitmq")
    definitions = folder / "definitions"
    definitions.mkdir()
    example = ROOT / "contrib/examples/rabbitmq-consumer"
    (definitions / "rabbitmq-consumer").symlink_to(example)
    broker = Broker(rabbit_url)
    queue, aside, totals = broker.queue(), broker.queue(), broker.queue()
    config = folder / "ratchet.yaml"
    config.write_text(
        CONFIGURATION.format(queue=queue, aside=aside, totals=totals), encoding="utf-8"
    )
    try:
        with ratchet_up(
            folder,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(definitions),
            ORDERS_RABBITMQ_URL=rabbit_url,
        ) as up:
            yield Place(up.base, broker, queue, aside, totals)
        assert "guest:guest" not in up.text()
    finally:
        broker.close()


@pytest.mark.timeout(120)
def test_ratchet_082_a_message_of_a_queue_is_processed_and_acknowledged(place: Place) -> None:
    before = len(place.jobs())
    body = b'{"order_id": 5, "items": [{"price": 9.99, "quantity": 3}, {"price": 0.1}]}'
    place.broker.send(place.queue, body, message_id="json", content_type="application/json")
    place.broker.send(place.queue, b"two words", message_id="text", content_type="text/plain")

    # one at a time: the second is taken once the first is acknowledged
    order, text = place.ended(before), place.ended(before + 1)

    assert order["result"]["ack"] is True
    assert order["result"]["result"] == {
        "kind": "order",
        "order_id": 5,
        "items": 2,
        "total": 30.07,
    }
    at = order["result"]["processed_at"]
    assert dt.datetime.fromisoformat(at).tzinfo is not None
    assert text["result"]["result"] == {"kind": "text", "characters": 9, "words": 2}
    wait_for(lambda: place.broker.count(place.totals) == 2, "both results on their queue")
    taken = place.broker.take(place.totals)
    assert taken is not None
    assert taken[0].correlation_id in {order["id"], text["id"]}


@pytest.mark.timeout(120)
def test_ratchet_084_a_message_that_is_no_json_fails_its_job_and_is_put_aside(
    place: Place,
) -> None:
    before = len(place.jobs())
    place.broker.send(place.queue, b"{broken", message_id="broken", content_type="application/json")

    job = place.ended(before)

    assert job["status"] == "failed"
    assert "SyntaxError" in str(job["error_details"])
    wait_for(lambda: place.broker.count(place.aside) == 1, "the message to be put aside")
    taken = place.broker.take(place.aside)
    assert taken is not None
    properties, body = taken
    assert (properties.message_id, body) == ("broken", b"{broken")
    assert f"run {job['id']} did not complete" in properties.headers["x-ratchet-reason"]
