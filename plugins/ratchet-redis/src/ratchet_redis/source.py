"""Entries of a stream become runs: a consumer group shares them out among ingesters.

An entry is acknowledged after its run is stored (or has completed), and never deleted: who trims
the stream is its owner's affair. What a dead consumer left pending is claimed by the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisSilent

from ratchet_core.sdk import (
    Accepted,
    Feed,
    InboundMessage,
    InputSource,
    SourceSettings,
    option_check,
)
from ratchet_redis import options as check

_CHECKS: Final[Mapping[str, option_check.Check]] = {
    "url": check.url,
    "stream": option_check.text,
    "group": option_check.text,
    "consumer": option_check.text,
    "start": option_check.text,
    "batch": option_check.integer(1, 1000),
    "claim_idle_seconds": option_check.number(0.1, 86_400),
    "dead_letter_stream": option_check.text,
}
#: How long one read waits for entries; also how often it looks whether it is to end.
_BLOCK_MS: Final = 500
_REST_S: Final = 1.0
_LONGEST_IDENTITY: Final = 200
#: An entry: its id and its fields.
Entry = tuple[str, Mapping[bytes, bytes]]


class StreamSource(InputSource):
    """Reads one stream as a member of a consumer group.

    Args:
        settings: `url` and `stream` needed; see the README for the others.
    """

    name = "redis-stream"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        self._stream = str(options["stream"])
        self._group = str(options.get("group", "ratchet"))
        own = f"{socket.gethostname()}.{os.getpid()}"
        self._consumer = str(options.get("consumer", own))
        self._batch = int(options.get("batch", 100))
        self._claim_idle_ms = int(float(options.get("claim_idle_seconds", 60)) * 1000)
        self._dead_letters = options.get("dead_letter_stream")
        self._redis = Redis.from_url(
            str(options["url"]), socket_timeout=10, socket_connect_timeout=5
        )
        self._claim_at = 0.0
        self._open: dict[str, tuple[Accepted, Entry]] = {}  # runs that have to complete first

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options."""
        return option_check.problems(options, _CHECKS, ("url", "stream"))

    def run(self, feed: Feed) -> None:
        """Feed entries until asked to end."""
        ready = False
        while not feed.stop.is_set():
            try:
                if not ready:
                    self._make_group()
                    ready = True
                    feed.healthy()
                self._turn(feed)
            except (RedisAway, RedisSilent) as error:
                ready = False
                feed.failing(f"Redis does not answer ({type(error).__name__})")
                feed.stop.wait(_REST_S)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                ready = False  # somebody has deleted the stream: it is begun anew

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _make_group(self) -> None:
        start = str(self.settings.options.get("start", "0"))
        try:
            self._redis.xgroup_create(self._stream, self._group, start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _turn(self, feed: Feed) -> None:
        self._settle(feed)
        free = self._batch - len(self._open)
        if free <= 0:
            feed.stop.wait(0.05)
            return
        entries = self._left_behind(free) or self._new(free)
        if entries:
            self._feed(feed, entries)

    def _new(self, count: int) -> list[Entry]:
        block_ms = 50 if self._open else _BLOCK_MS
        answer = self._redis.xreadgroup(
            self._group, self._consumer, {self._stream: ">"}, count=count, block=block_ms
        )
        return _entries(cast("Any", answer))

    def _left_behind(self, count: int) -> list[Entry]:
        """Claim what others, or we before a restart, have read and not acknowledged."""
        now = time.monotonic()
        if now < self._claim_at:
            return []
        answer: Any = self._redis.xautoclaim(
            self._stream, self._group, self._consumer, self._claim_idle_ms, "0-0", count=count
        )
        found = [
            (key.decode(), fields)
            for key, fields in answer[1]
            if fields is not None and key.decode() not in self._open
        ]
        if not found:
            self._claim_at = now + min(self._claim_idle_ms / 1000, 5.0)
        return found

    def _feed(self, feed: Feed, entries: Sequence[Entry]) -> None:
        answers = feed.submit([self._message(entry) for entry in entries])
        done = []
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, Exception):
                self._put_aside(entry, str(answer))
                done.append(entry[0])
            elif self.settings.ack == "result":
                self._open[entry[0]] = (answer, entry)
            else:
                done.append(entry[0])
        self._acknowledge(done)

    def _settle(self, feed: Feed) -> None:
        """Look at the runs that entries wait for."""
        done = []
        for key, (accepted, entry) in list(self._open.items()):
            known = feed.wait_for(accepted, 0)
            if known.done is None:
                continue
            del self._open[key]
            if not known.done:
                self._refuse(entry, known.run_id)
            done.append(key)
        self._acknowledge(done)
        if self._open:  # still ours: nobody is to claim it
            self._redis.xclaim(
                self._stream, self._group, self._consumer, 0, list(self._open), justid=True
            )

    def _refuse(self, entry: Entry, run_id: str) -> None:
        """Put an entry whose run failed back at the end of the stream, or aside."""
        count = _number(entry[1])
        if count >= self.settings.requeue:
            self._put_aside(entry, f"run {run_id} did not complete")
            return
        origin = entry[1].get(_ORIGIN, entry[0].encode())
        fields = {**entry[1], _REQUEUED: str(count + 1).encode(), _ORIGIN: origin}
        self._redis.xadd(self._stream, cast("Any", fields))

    def _put_aside(self, entry: Entry, reason: str) -> None:
        if self._dead_letters is None:
            return
        fields = {**entry[1], b"x-ratchet-entry": entry[0].encode(), b"x-ratchet-reason": reason}
        self._redis.xadd(str(self._dead_letters), cast("Any", fields))

    def _acknowledge(self, keys: Sequence[str]) -> None:
        if keys:
            self._redis.xack(self._stream, self._group, *keys)

    def _message(self, entry: Entry) -> InboundMessage:
        key, fields = entry
        own = {name: value for name, value in fields.items() if name not in (_REQUEUED, _ORIGIN)}
        identity = f"{self._stream}:{key}"
        if _REQUEUED in fields:  # the same number of the same entry, however often it was written
            origin = fields.get(_ORIGIN, b"").decode("utf-8", "replace")
            identity = f"{self._stream}:{origin}:requeue {_number(fields)}"
        texts = {_text(name): _text(value) for name, value in own.items()}
        return InboundMessage(
            input={
                "redis_entry": {
                    "stream": self._stream,
                    "id": key,
                    "fields": texts,
                    "value": _value(texts.get("body")),
                }
            },
            identity=_identity(identity),
        )


_REQUEUED: Final = b"x-ratchet-requeued"
_ORIGIN: Final = b"x-ratchet-origin"


def _entries(answer: Any) -> list[Entry]:
    if not answer:
        return []
    pairs = answer.items() if isinstance(answer, dict) else answer
    found: list[Entry] = []
    for _, entries in pairs:
        rows = entries[0] if entries and isinstance(entries[0], list) else entries
        found += [(key.decode(), fields) for key, fields in rows]
    return found


def _number(fields: Mapping[bytes, bytes]) -> int:
    """Return how often an entry was put back; whoever writes to the stream may write nonsense."""
    text = fields.get(_REQUEUED, b"0")
    return int(text) if text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004 - up to 1,000


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _identity(text: str) -> str:
    if len(text) <= _LONGEST_IDENTITY and text.isprintable():
        return text
    return f"entry:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _value(text: str | None) -> Any:
    """Return what a text says as JSON, else the text."""
    if text is None:
        return None
    parse: Callable[[str], Any] = json.loads
    try:
        return parse(text)
    except (ValueError, RecursionError):
        return text
