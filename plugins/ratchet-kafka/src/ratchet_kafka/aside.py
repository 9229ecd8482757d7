"""Messages that are put back into their topic, or aside: each is done once it has arrived."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaException

from ratchet_kafka.client import masked
from ratchet_kafka.message import Record
from ratchet_kafka.outlet import Headers, Outlet, Receipt

_TIMEOUT_S: Final = 20.0
_REST_S: Final = 1.0
#: Whatever came in can go out again.
_MAX_MESSAGE_BYTES: Final = 1_000_000_000


@dataclass(slots=True)
class _Letter:
    """A message on its way."""

    record: Record
    topic: str
    headers: Headers = field(repr=False)
    receipt: Receipt | None = None
    not_before: float = 0.0


class Aside:
    """Sends messages on, again and again until the brokers have them.

    Args:
        options: of the source.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._outlet: Outlet | None = None
        self._letters: list[_Letter] = []
        self.problem = ""  #: why messages wait

    @property
    def is_busy(self) -> bool:
        """Whether messages are on their way."""
        return bool(self._letters)

    def put(self, record: Record, topic: str, headers: Headers) -> None:
        """Send a message on.

        Args:
            record: what was read.
            topic: where it goes.
            headers: that it gets.
        """
        self._letters.append(_Letter(record, topic, headers))

    def settled(self) -> list[Record]:
        """Return the messages that have arrived since the last call; send what has not yet."""
        arrived: list[Record] = []
        left: list[_Letter] = []
        for letter in self._letters:
            receipt = letter.receipt
            if receipt is None:
                self._send(letter)
            elif receipt.is_known and receipt.error is None:
                arrived.append(letter.record)
                self.problem = ""
                continue
            elif receipt.is_known and receipt.error is not None:
                self._fail(letter, receipt.error.str())
            left.append(letter)
        self._letters = left
        return arrived

    def close(self) -> None:
        """Close the connection; what has not arrived is read again by whoever reads next."""
        if self._outlet is not None:
            self._outlet.close(timeout_s=0.5)
            self._outlet = None

    def _send(self, letter: _Letter) -> None:
        if time.monotonic() < letter.not_before:
            return
        record = letter.record
        try:
            if self._outlet is None or self._outlet.is_broken:
                self.close()
                self._outlet = Outlet(self._options, _TIMEOUT_S, _MAX_MESSAGE_BYTES)
            letter.receipt = self._outlet.send(
                letter.topic, record.key, record.value, letter.headers
            )
        except (BufferError, KafkaException) as error:
            self._fail(letter, str(error))

    def _fail(self, letter: _Letter, reason: str) -> None:
        letter.receipt = None
        letter.not_before = time.monotonic() + _REST_S
        reason = masked(reason, self._options)
        self.problem = f"messages cannot be put into '{letter.topic}': {reason}"
