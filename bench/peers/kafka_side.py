"""Kafka for the bench: brokers of the client library, in memory, and who fills a topic.

kafka_side.py brokers              runs three brokers until it is ended, and prints where
kafka_side.py fill SERVERS TOPIC N writes N messages, and prints when it began (monotonic clock)
"""

from __future__ import annotations

import json
import signal
import sys
import time

from confluent_kafka import Producer


def brokers() -> None:
    """Run brokers until the process is ended."""
    producer = Producer({"test.mock.num.brokers": 3, "log_level": 3})
    found = producer.list_topics(timeout=10).brokers.values()
    print("brokers " + ",".join(f"{one.host}:{one.port}" for one in found), flush=True)
    signal.pause()


def fill(servers: str, topic: str, count: int) -> None:
    """Write messages, acknowledged by all brokers."""
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5})
    producer.list_topics(topic, timeout=10)
    began = time.monotonic()
    for number in range(count):
        while True:
            try:
                producer.produce(topic, json.dumps({"n": number}), key=str(number))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(60):
        raise SystemExit("the brokers did not take everything")
    print(began)


if __name__ == "__main__":
    if sys.argv[1] == "brokers":
        brokers()
    else:
        fill(sys.argv[2], sys.argv[3], int(sys.argv[4]))
