"""A message as the run is to see it, and what tells it from all others. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final, Never

from ratchet_core.sdk import InboundMessage
from ratchet_kafka.positions import Place

#: Headers of a message that was put back: how often, and the identity of the first one.
REQUEUED: Final = "x-ratchet-requeued"
ORIGIN: Final = "x-ratchet-origin"
#: How `identity: header:NAME` begins.
HEADER: Final = "header:"
_LONGEST_IDENTITY: Final = 200
_LONGEST_NUMBER: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One message of a topic, as it was read."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int  #: that it was written with; -1 where brokers keep none
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)  #: None for a tombstone
    headers: tuple[tuple[str, bytes | None], ...] = field(repr=False)

    @classmethod
    def of(cls, message: Any) -> Record:
        """Copy what the library gives."""
        given = [] if message.headers() is None else list(message.headers())
        return cls(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=message.timestamp()[1],
            key=message.key(),
            value=message.value(),
            headers=tuple((str(name), value) for name, value in given),
        )

    @property
    def place(self) -> Place:
        """Where it was read."""
        return self.topic, self.partition

    @property
    def requeued(self) -> int:
        """How often it was put back; whoever writes to the topic may write nonsense."""
        text = _text(self._header(REQUEUED)) or ""
        fits = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        return int(text) if fits else 0

    def identity(self, rule: str) -> str:
        """Return the same whenever this message comes, and no other's.

        Args:
            rule: `offset`, `key` or `header:NAME`; a message that lacks the key or the header is
                told by its offset. The time beside the offset tells messages of a topic that was
                deleted and made anew from those before.
        """
        origin = _text(self._header(ORIGIN)) if self.requeued else None
        if origin:
            return _bounded(f"{origin}:requeue {self.requeued}")
        return self._own_identity(rule)

    def again(self, rule: str) -> list[tuple[str, str | bytes | None]]:
        """Return the headers with which it is put back."""
        origin = (_text(self._header(ORIGIN)) if self.requeued else None) or self._own_identity(
            rule
        )
        return [*self._plain(), (REQUEUED, str(self.requeued + 1)), (ORIGIN, origin)]

    def aside(self, reason: str) -> list[tuple[str, str | bytes | None]]:
        """Return the headers with which it is put aside."""
        place = f"{self.topic}:{self.partition}:{self.offset}"
        return [*self._plain(), ("x-ratchet-message", place), ("x-ratchet-reason", reason)]

    def inbound(self, rule: str) -> InboundMessage:
        """Return what is fed: `kafka_event` with topic, partition, offset, key, value, headers.

        Source: decisions.md section 11; seed 000, "Kafka event processor".
        """
        event = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": _text(self.key),
            "value": _value(self.value),
            "headers": {name: _text(value) for name, value in self._plain()},
        }
        return InboundMessage(input={"kafka_event": event}, identity=self.identity(rule))

    def _own_identity(self, rule: str) -> str:
        if rule == "key" and self.key is not None:
            return _bounded(f"{self.topic}:key {_told(self.key)}")
        if rule.startswith(HEADER):
            name = rule.removeprefix(HEADER)
            value = self._header(name)
            if value is not None:
                return _bounded(f"{self.topic}:{name} {_told(value)}")
        return _bounded(f"{self.topic}:{self.partition}:{self.offset}@{self.timestamp_ms}")

    def _header(self, name: str) -> bytes | None:
        """Return a header; the last one where it stands several times."""
        return dict(self.headers).get(name)

    def _plain(self) -> list[tuple[str, bytes | None]]:
        return [(name, value) for name, value in self.headers if name not in {REQUEUED, ORIGIN}]


def identity_problem(rule: Any) -> str | None:
    """Return what is wrong with the option `identity`."""
    is_header = isinstance(rule, str) and rule.startswith(HEADER) and len(rule) > len(HEADER)
    return None if rule in {"offset", "key"} or is_header else "must be offset, key or header:NAME"


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_IDENTITY and text.isprintable():
        return text
    return f"message:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _told(value: bytes) -> str:
    """Return bytes as a text that no other bytes have."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{value.hex()}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _value(value: bytes | None) -> Any:
    """Return what a value says as JSON, else the text; null for a tombstone."""
    text = _text(value)
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
