"""A Kafka-protocol cluster that a test steers, in a process of its own.

It keeps everything in memory and ends with its process. It can be frozen, made unreachable and
brought back with its data, and told not to know a topic; a broker that starts again from its disk
cannot be had of it. Two of its habits matter to tests: any topic appears on first use, and a change
of a consumer group takes as long as the members' longest pause between polls, less a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from ratchet_core.worker.process import die_with
from tests.waiting import wait_for

_PROGRAM: Final = Path(__file__).with_name("kafka_cluster.py")
_CLIENT: Final = {"log_level": 2, "error_cb": lambda _error: None}


class KafkaBroker:
    """Starts a cluster, steers it, and writes to and reads from it as any client would."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - it takes no lock
        )
        assert self._process.stdout is not None
        self.servers = self._process.stdout.readline().strip()  #: for `bootstrap_servers`
        assert self.servers, "the brokers did not start"
        self._producer = Producer({"bootstrap.servers": self.servers, **_CLIENT})

    def order(self, what: str, *words: object) -> None:
        """Tell the cluster something: such as `topic orders 6`, `unknown orders`, `down`, `up`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(" ".join([what, *map(str, words)]) + "\n")
        stdin.flush()
        assert stdout.readline() == "done\n"

    def freeze(self) -> None:
        """Stop the process in the middle of whatever it does: connections stay, none answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def write(self, topic: str, count: int, *, start: int = 0, **fields: Any) -> None:
        """Write messages `{"n": start}`, … with as many keys, acknowledged by all brokers."""
        failed: list[object] = []

        def told(error: object, _message: object) -> None:
            failed.extend([error] if error is not None else [])

        for number in range(start, start + count):
            given = {"key": str(number), "value": json.dumps({"n": number}), **fields}
            self._producer.produce(topic, on_delivery=told, **given)
        assert self._producer.flush(10) == 0
        assert failed == []

    def read(self, topic: str, count: int, timeout_s: float = 10.0) -> list[Any]:
        """Return so many messages of a topic from its beginning, and those that came with them."""
        consumer = self._reader(f"reader-{os.urandom(4).hex()}")
        found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in found])
        messages: list[Any] = []

        def look() -> bool:
            messages.extend(one for one in consumer.consume(1000, 0.1) if one.error() is None)
            return len(messages) >= count

        try:
            wait_for(look, f"{count} messages of {topic}", timeout_s=timeout_s)
        finally:
            consumer.close()
        return messages

    def committed(self, group: str, topic: str) -> int:
        """Return how many messages of a topic the group has done with, by its offsets."""
        consumer = self._reader(group)
        try:
            found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in found]
            return sum(max(0, place.offset) for place in consumer.committed(places, timeout=10))
        finally:
            consumer.close()

    def written(self, topic: str) -> int:
        """Return how many messages a topic has."""
        consumer = self._reader(f"reader-{os.urandom(4).hex()}")
        try:
            found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            marks = [consumer.get_watermark_offsets(TopicPartition(topic, n), 10) for n in found]
            return sum(high - low for low, high in marks)
        finally:
            consumer.close()

    def stop(self) -> None:
        """End the cluster and what it holds."""
        self._process.kill()
        self._process.communicate()

    def _reader(self, group: str) -> Consumer:
        return Consumer({"bootstrap.servers": self.servers, "group.id": group, **_CLIENT})
