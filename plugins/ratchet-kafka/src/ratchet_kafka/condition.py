"""How a source is doing, told to its feed: whether brokers answer, and what they complain about."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException

from ratchet_core.sdk import Feed
from ratchet_kafka.client import masked

#: Pause between two looks whether the brokers answer, while no message says so.
_LOOK_S: Final = 5.0
#: The same while they do not.
_SOON_S: Final = 1.0
#: How long a look waits for an answer.
_ANSWER_S: Final = 0.9
#: The same error is logged again after so many seconds.
_AGAIN_S: Final = 30.0

_log = logging.getLogger(__name__)


class Condition:
    """What is known of the brokers and the group.

    Args:
        feed: is told.
        options: of the source.
        topics: that it reads.
    """

    def __init__(self, feed: Feed, options: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._feed = feed
        self._options = options
        self._topics = topics
        self._servers = str(options["bootstrap_servers"])
        self._is_member = False
        self._refusal = ""  # what brokers that answer complain about
        self._last = ""  # what the library said last of brokers that do not answer
        self._look_at = time.monotonic() + _SOON_S
        self._told: dict[int, float] = {}

    def text(self, error: KafkaError) -> str:
        """Return what an error says, without secrets."""
        return masked(error.str() or error.name(), self._options)

    def heard(self, error: KafkaError) -> None:
        """Take an error of the client: of a single broker, so it is looked at what remains."""
        text = self.text(error)
        self._log(error, text)
        self._last = text
        self._look_at = min(self._look_at, time.monotonic() + _SOON_S)

    def complain(self, error: KafkaError) -> None:
        """Take an error of reading: a topic that is unknown or forbidden."""
        text = self.text(error)
        self._log(error, text)
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001 - it joins again by itself
            self._is_member = False
        else:
            self._refusal = f"Kafka at {self._servers}: {text}"
            self._feed.failing(self._refusal)

    def alive(self) -> None:
        """Note that messages came."""
        self._refusal = self._last = ""
        self._is_member = True
        self._look_at = time.monotonic() + _LOOK_S
        self._feed.healthy()

    def joined(self) -> None:
        """Note that the group has told us our share."""
        self.alive()

    def lost(self) -> None:
        """Note that the group goes on without us."""
        self._is_member = False
        _log.warning("Kafka at %s: partitions were lost to others in the group", self._servers)

    def failing(self, text: str) -> None:
        """Say why nothing goes on."""
        self._feed.failing(text)

    def look(self, consumer: Consumer) -> None:
        """Ask whether the brokers answer and know the topics, when it is time to."""
        if time.monotonic() < self._look_at:
            return
        try:
            problem = self._ask(consumer)
        except KafkaException as error:
            last = f"; last error: {self._last}" if self._last else ""
            self._feed.failing(f"Kafka at {self._servers} does not answer{last}")
            self._log(error.args[0], f"{self._servers} does not answer{last}")
            self._look_at = time.monotonic() + _SOON_S
            return
        self._last = ""
        self._look_at = time.monotonic() + _LOOK_S
        if problem or self._refusal:
            self._feed.failing(problem or self._refusal)
            self._look_at = time.monotonic() + _SOON_S
        elif self._is_member:
            self._feed.healthy()

    def _ask(self, consumer: Consumer) -> str:
        """Return what is wrong with the topics, one look each."""
        for name in self._topics:
            found = consumer.list_topics(name, timeout=_ANSWER_S).topics.get(name)
            if found is None or found.error is not None:
                said = "" if found is None else f" ({self.text(found.error)})"
                return f"Kafka at {self._servers} has no topic '{name}'{said}"
        return ""

    def _log(self, error: KafkaError, text: str) -> None:
        now = time.monotonic()
        if now - self._told.get(error.code(), -_AGAIN_S) >= _AGAIN_S:
            self._told[error.code()] = now
            _log.warning("Kafka: %s", text)
