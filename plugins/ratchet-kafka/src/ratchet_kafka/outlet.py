"""Sends messages and says what became of each: acknowledged by all in-sync replicas, or why not.

One client of the library and one thread that hears what it has to tell; used by several threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from ratchet_kafka.client import masked, properties

#: The same error is logged again after so many seconds.
_AGAIN_S: Final = 30.0
_LONGEST_LOOK_S: Final = 0.5
_LOOK_FOR_TOPIC_S: Final = 5.0
#: Headers as they go out, and as they came in.
Headers = Sequence[tuple[str, str | bytes | None]]

_log = logging.getLogger(__name__)


class Receipt:
    """What becomes of one message."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self.error: KafkaError | None = None  #: why it was not taken
        self.partition = -1  #: where it is, once it was taken
        self.offset = -1

    @property
    def is_known(self) -> bool:
        """Whether the brokers have answered, or the time for it is over."""
        return self._known.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the answer; return whether it is there."""
        return self._known.wait(timeout_s)

    def tell(self, error: KafkaError | None, message: Any) -> None:
        """Note the answer; the library calls this."""
        self.error = error
        if error is None:
            self.partition, self.offset = message.partition(), message.offset()
        self._known.set()


class Outlet:
    """A client that sends, with the strongest acknowledgement there is.

    Args:
        options: of the destination or source: `bootstrap_servers` and `client`.
        timeout_s: after which a message that nobody acknowledged has failed.
        max_message_bytes: what is larger is refused before it is sent.

    Raises:
        KafkaException: the options contradict each other, or a file that they name is not there.
    """

    def __init__(
        self, options: Mapping[str, Any], timeout_s: float, max_message_bytes: int
    ) -> None:
        self._options = options
        self._last = ""  # what the library told last
        self._last_at = 0.0
        self._told: dict[int, float] = {}
        self.is_broken = False  #: nothing can be sent by it any more
        timeout_ms = round(timeout_s * 1000)
        self._producer = Producer(
            {
                "linger.ms": 5,
                **properties(options),
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": timeout_ms,
                "topic.metadata.propagation.max.ms": min(5_000, timeout_ms // 2),
                "message.max.bytes": max_message_bytes,
                "error_cb": self._heard,
            }
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ratchet-kafka", daemon=True)
        self._thread.start()

    def send(
        self, topic: str, key: str | bytes | None, value: str | bytes | None, headers: Headers
    ) -> Receipt:
        """Hand a message over; its receipt tells the rest.

        Raises:
            KafkaException: it can never be sent so, such as when it is too large.
            BufferError: too much waits to be sent.
        """
        receipt = Receipt()
        produce = partial(
            self._producer.produce,
            topic,
            value=value,
            key=key,
            headers=list(headers),
            on_delivery=receipt.tell,
        )
        try:
            produce()
        except KafkaException as error:
            if error.args[0].code() != KafkaError._UNKNOWN_TOPIC:  # noqa: SLF001
                raise
            # the library remembers for minutes that there was none: look whether there is one now
            self._producer.list_topics(topic, timeout=_LOOK_FOR_TOPIC_S)
            produce()
        return receipt

    def last_error(self) -> str:
        """Return what the library told within the last half minute, else nothing."""
        return self._last if time.monotonic() - self._last_at < _AGAIN_S else ""

    def close(self, timeout_s: float = 2.0) -> None:
        """Give what waits a moment to be sent, then end."""
        self._producer.flush(timeout_s)
        self._ended.set()
        self._thread.join(1.0)

    def _listen(self) -> None:
        while not self._ended.is_set():
            self._producer.poll(_LONGEST_LOOK_S)

    def _heard(self, error: KafkaError) -> None:
        self._last = masked(error.str() or error.name(), self._options)
        self._last_at = time.monotonic()
        if error.fatal():
            self.is_broken = True
        if self._last_at - self._told.get(error.code(), -_AGAIN_S) >= _AGAIN_S:
            self._told[error.code()] = self._last_at
            _log.warning("Kafka: %s", self._last)
