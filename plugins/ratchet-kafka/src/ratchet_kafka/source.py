"""Messages become runs: a consumer group shares the partitions out among ingesters.

This thread reads, commits and takes part in the group; another stores what was read, which may
take as long as it likes: meanwhile reading is paused and the group still hears from us. The offset
of a message is committed after its run is stored (or has completed), never before. What is read
twice all the same (a commit that was lost, a partition that moved) is a double by its identity.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ratchet_core.sdk import Accepted, Feed, FeedStopped, InputSource, SourceSettings, option_check
from ratchet_kafka import client
from ratchet_kafka import options as check
from ratchet_kafka.aside import Aside
from ratchet_kafka.condition import Condition
from ratchet_kafka.message import Record, identity_problem
from ratchet_kafka.positions import Place, Positions

_CHECKS: Final[Mapping[str, option_check.Check]] = {
    "bootstrap_servers": check.servers,
    "topics": check.topics,
    "group_id": option_check.text,
    "start": option_check.choice("earliest", "latest"),
    "batch": option_check.integer(1, 1000),
    "identity": identity_problem,
    "dead_letter_topic": check.topic,
    "session_timeout_seconds": option_check.number(1, 300),
    "max_poll_interval_seconds": option_check.number(5, 3_600),
    "client": client.check,
}
#: How long one read waits for messages; also how often it looks whether it is to end.
_WAIT_S: Final = 0.5
#: The same while something else may happen any moment.
_SHORT_WAIT_S: Final = 0.01
_PAUSED_WAIT_S: Final = 0.05
#: Reading is paused when what was read takes longer to be stored.
_PATIENCE_S: Final = 0.5
#: How long those who get our partitions wait for what is being stored.
_HANDOVER_S: Final = 3.0
_LEAVE_S: Final = 2.0
_LOOK_AT_RUNS_S: Final = 0.05
_COMMIT_AGAIN_S: Final = 1.0

_log = logging.getLogger(__name__)
#: Messages on their way into the database.
_Batch = tuple[Sequence[Record], "Future[Sequence[Accepted | Exception]]"]


class KafkaSource(InputSource):
    """Reads topics as a member of a consumer group.

    Args:
        settings: `bootstrap_servers` and `topics` needed; see the README for the others.
    """

    name = "kafka"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        self._topics = [str(topic) for topic in options["topics"]]
        self._batch = int(options.get("batch", 500))
        self._rule = str(options.get("identity", "offset"))
        self._positions = Positions()
        self._read: list[Record] = []  # read, and not handed to the thread that stores
        self._storing: _Batch | None = None
        self._open: dict[tuple[Place, int], tuple[Accepted, Record]] = {}  # runs to complete first
        self._aside = Aside(options)
        self._is_paused = False
        self._commit_at = 0.0
        self._is_committing = False
        self._look_at = 0.0

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options."""
        found = option_check.problems(options, _CHECKS, ("bootstrap_servers", "topics"))
        if found:
            return found
        session_s, poll_s = _timeouts_s(options)
        if session_s > poll_s:
            return ["session_timeout_seconds: must not exceed max_poll_interval_seconds"]
        if options.get("dead_letter_topic") in options["topics"]:
            return ["dead_letter_topic: must be none of the topics that are read"]
        return []

    def run(self, feed: Feed) -> None:
        """Feed messages until asked to end."""
        self._condition = Condition(feed, self.settings.options, self._topics)
        consumer = Consumer(self._configuration())
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="ratchet-kafka-store")
        try:
            consumer.subscribe(
                self._topics,
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            while not feed.stop.is_set():
                self._turn(consumer, feed)
        finally:
            self._leave(consumer)

    def close(self) -> None:
        """Close what messages are put aside with."""
        self._aside.close()

    def _configuration(self) -> dict[str, Any]:
        options = self.settings.options
        session_s, poll_s = _timeouts_s(options)
        return {
            **client.properties(options),
            "group.id": str(options.get("group_id", "ratchet")),
            "auto.offset.reset": str(options.get("start", "earliest")),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": round(session_s * 1000),
            "heartbeat.interval.ms": round(min(3.0, session_s / 3) * 1000),
            "max.poll.interval.ms": round(poll_s * 1000),
            "error_cb": self._condition.heard,
            "on_commit": self._committed,
        }

    # ── reading ────────────────────────────────────────────────────────────────────────────────

    def _turn(self, consumer: Consumer, feed: Feed) -> None:
        self._settle(feed)
        self._hand_over(feed)
        self._hold_back(consumer)
        self._take(consumer)
        self._commit(consumer)
        self._condition.look(consumer)

    def _room(self) -> int:
        """Return how many messages may be read now."""
        waiting = len(self._open) if self.settings.ack == "result" else 0
        return self._batch - len(self._read) - waiting

    def _hold_back(self, consumer: Consumer) -> None:
        """Pause reading while there is no room, and go on when there is."""
        room = self._room()
        if room <= 0 and not self._is_paused and self._storing is not None:
            wait([self._storing[1]], _PATIENCE_S)
            if not self._storing[1].done():
                self._is_paused = True
        if room > 0 and self._is_paused:
            self._is_paused = False
            consumer.resume(consumer.assignment())
        elif room <= 0 and self._storing is None:
            self._is_paused = True
        if self._is_paused:  # each time: a partition may be new
            consumer.pause(consumer.assignment())

    def _take(self, consumer: Consumer) -> None:
        """Read what is there; without room only what the group has to say."""
        room = self._room()
        if room <= 0 and not self._is_paused:
            return  # what is being stored is there: the next turn has room
        first = consumer.poll(self._wait_s())
        if first is None:
            return
        rest = consumer.consume(room - 1, 0) if room > 1 else []
        for message in [first, *rest]:
            error = message.error()
            if error is not None:
                self._complain(error)
                continue
            record = Record.of(message)
            self._positions.read(record.place, record.offset)
            self._read.append(record)
        if self._read:
            self._condition.alive()

    def _wait_s(self) -> float:
        if self._is_paused:
            return _PAUSED_WAIT_S
        is_busy = self._storing is not None or self._open or self._aside.is_busy
        return _SHORT_WAIT_S if is_busy else _WAIT_S

    def _complain(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        self._condition.complain(error)

    # ── storing ────────────────────────────────────────────────────────────────────────────────

    def _hand_over(self, feed: Feed) -> None:
        """Give what was read to the thread that stores."""
        if not self._read or self._storing is not None:
            return
        records, self._read = self._read, []
        messages = [record.inbound(self._rule) for record in records]
        self._storing = records, self._storer.submit(feed.submit, messages)

    def _settle(self, feed: Feed) -> None:
        """Look at what became of messages: stored, completed, put aside."""
        self._settle_stored()
        now = time.monotonic()
        if self._open and now >= self._look_at:
            self._look_at = now + _LOOK_AT_RUNS_S
            self._settle_open(feed)
        for record in self._aside.settled():
            self._positions.done(record.place, record.offset)
        if self._aside.problem:
            self._condition.failing(self._aside.problem)

    def _settle_stored(self) -> None:
        if self._storing is None or not self._storing[1].done():
            return
        records, future = self._storing
        self._storing = None
        for record, answer in zip(records, future.result(), strict=True):
            if isinstance(answer, Exception):
                self._put_aside(record, str(answer))
            elif self.settings.ack == "result":
                self._open[record.place, record.offset] = (answer, record)
            else:
                self._positions.done(record.place, record.offset)

    def _settle_open(self, feed: Feed) -> None:
        for key, (accepted, record) in list(self._open.items()):
            known = feed.wait_for(accepted, 0)
            if known.done is None:
                continue
            del self._open[key]
            if known.done:
                self._positions.done(record.place, record.offset)
            elif record.requeued < self.settings.requeue:
                self._aside.put(record, record.topic, record.again(self._rule))
            else:
                self._put_aside(record, f"run {known.run_id} did not complete")

    def _put_aside(self, record: Record, reason: str) -> None:
        topic = self.settings.options.get("dead_letter_topic")
        if topic is None:
            self._positions.done(record.place, record.offset)
        else:
            self._aside.put(record, str(topic), record.aside(reason))

    # ── committing ─────────────────────────────────────────────────────────────────────────────

    def _commit(self, consumer: Consumer) -> None:
        """Ask for what is done to be committed; the answer comes to `_committed`."""
        due = self._positions.due()
        if not due or self._is_committing or time.monotonic() < self._commit_at:
            return
        try:
            consumer.commit(offsets=_offsets(due), asynchronous=True)
        except KafkaException as error:
            self._commit_failed(error.args[0])
        else:
            self._is_committing = True

    def _committed(self, error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
        self._is_committing = False
        for place in places:
            if error is None and place.error is None:
                self._positions.committed((place.topic, place.partition), place.offset)
        refused = error or next((place.error for place in places if place.error), None)
        if refused is not None:
            self._commit_failed(refused)

    def _commit_failed(self, error: KafkaError) -> None:
        """Note that offsets are not committed: they are again, or their messages come again."""
        self._commit_at = time.monotonic() + _COMMIT_AGAIN_S
        text = "source '%s': offsets are not committed yet: %s"
        _log.info(text, self.settings.name, self._condition.text(error))

    # ── the group ──────────────────────────────────────────────────────────────────────────────

    def _assigned(self, _consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        self._positions.forget(_names(places))
        if places:
            names = ", ".join(
                f"{topic}[{partition}]" for topic, partition in sorted(_names(places))
            )
            _log.info("source '%s' has its share: %s", self.settings.name, names)
        self._condition.joined()

    def _revoked(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        """Commit what is done of partitions that others get, then forget them."""
        names = set(_names(places))
        self._read = [record for record in self._read if record.place not in names]
        if self._storing is not None and any(one.place in names for one in self._storing[0]):
            wait([self._storing[1]], _HANDOVER_S)
            self._settle_quietly()
        due = self._positions.due(names)
        if due:
            try:
                consumer.commit(offsets=_offsets(due), asynchronous=False)
            except KafkaException as error:
                self._commit_failed(error.args[0])
        self._forget(names)

    def _settle_quietly(self) -> None:
        """Settle what was being stored, if it is; a process that ends has stored nothing more."""
        try:
            self._settle_stored()
        except FeedStopped:
            _log.debug("source '%s' ends; what was being stored comes again", self.settings.name)

    def _lost(self, _consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        """Forget partitions that others have already: what they read again are doubles."""
        names = set(_names(places))
        self._read = [record for record in self._read if record.place not in names]
        self._forget(names)
        self._condition.lost()

    def _forget(self, names: set[Place]) -> None:
        self._open = {key: value for key, value in self._open.items() if key[0] not in names}
        self._positions.forget(names)

    def _leave(self, consumer: Consumer) -> None:
        """Leave the group, which commits what is done; brokers that are silent are not waited for.

        `close` calls `_revoked` for all partitions.
        """
        leaving = threading.Thread(target=consumer.close, name="ratchet-kafka-leave", daemon=True)
        leaving.start()
        leaving.join(_LEAVE_S + _HANDOVER_S / 2)
        if leaving.is_alive():
            text = "source '%s' left without a word to its group: the brokers are silent"
            _log.warning(text, self.settings.name)
        self._storer.shutdown(wait=False, cancel_futures=True)


def _timeouts_s(options: Mapping[str, Any]) -> tuple[float, float]:
    session_s = float(options.get("session_timeout_seconds", 45))
    return session_s, float(options.get("max_poll_interval_seconds", 300))


def _names(places: Sequence[TopicPartition]) -> list[Place]:
    return [(place.topic, place.partition) for place in places]


def _offsets(due: Mapping[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in due.items()]
