"""What came from a queue, and what a run is to see of it. Pure."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pika import BasicProperties, DeliveryMode

from ratchet_core.sdk import InboundMessage

#: Header of a message that was put back: how often.
REQUEUED: Final = "x-ratchet-requeued"
#: Header of a message that was put aside: why.
REASON: Final = "x-ratchet-reason"
#: What brokers add to messages that come again: it is not part of what was sent.
_ADDED: Final = (
    *("x-delivery-count", "x-acquired-count", "x-death"),
    *("x-first-death-", "x-last-death-"),
)
#: Headers by which the broker would send a copy to more queues.
_ROUTING: Final = ("CC", "BCC")
_LONGEST_IDENTITY: Final = 200
_MOST_REQUEUES: Final = 1000
_HEADER: Final = "header:"
#: The first integer that takes more than eight bytes.
_LARGE: Final = 2**63


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it was delivered."""

    tag: int  #: of the delivery, for its acknowledgement
    exchange: str
    routing_key: str
    is_redelivered: bool
    properties: BasicProperties = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def headers(self) -> Mapping[str, Any]:
        """Headers as they came; of a name that is no UTF-8 the bytes are replaced."""
        return {_name(key): value for key, value in (self.properties.headers or {}).items()}

    @property
    def requeues(self) -> int:
        """How often it was put back; whoever sends may write nonsense there."""
        count = self.headers.get(REQUEUED, 0)
        return count if isinstance(count, int) and 0 <= count <= _MOST_REQUEUES else 0


def inbound(
    incoming: Incoming, queue: str, identity: str, *, with_properties: bool
) -> InboundMessage:
    """Return what the run is to see: `{queue_name, message, headers}` (decisions.md section 11).

    A body that is no UTF-8 stays bytes, which are no JSON value: such a message is refused.

    Args:
        incoming: the message.
        queue: where it was.
        identity: the option of that name.
        with_properties: whether the input has `properties` besides.
    """
    value: dict[str, Any] = {
        "queue_name": queue,
        "message": _text(incoming.body),
        "headers": _headers(incoming),
    }
    if with_properties:
        value["properties"] = _properties(incoming)
    return InboundMessage(input=value, identity=identity_of(incoming, queue, identity))


def identity_of(incoming: Incoming, queue: str, rule: str) -> str | None:
    """Return what tells a message from all others, or None where nothing does.

    Args:
        incoming: the message.
        queue: where it was.
        rule: `message_id`, `correlation_id`, `header:NAME`, `content` or `none`.
    """
    if rule == "none":
        return None
    if rule == "content":
        own = hashlib.sha256(_content(incoming)).hexdigest()
    elif rule.startswith(_HEADER):
        own = str(_plain(incoming.headers.get(rule.removeprefix(_HEADER), "")))
    else:
        own = _plain(getattr(incoming.properties, rule)) or ""
    if not own:
        return None
    text = f"{queue}:{own}"
    if incoming.requeues:
        text += f":requeue {incoming.requeues}"
    if len(text) <= _LONGEST_IDENTITY and text.isprintable():
        return text
    return f"message:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def is_identity(value: Any) -> str | None:
    """Return what is wrong with the option `identity`."""
    if isinstance(value, str):
        named = value.removeprefix(_HEADER) if value.startswith(_HEADER) else ""
        if named or value in {"message_id", "correlation_id", "content", "none"}:
            return None
    return "must be message_id, correlation_id, header:NAME, content or none"


def copied(incoming: Incoming, headers: Mapping[str, Any], *, expires: bool) -> BasicProperties:
    """Return the properties of a copy that this process sends.

    The broker takes `user_id` from nobody but that user, so a copy has none.

    Args:
        incoming: the message.
        headers: are added.
        expires: whether it keeps its expiration.
    """
    old = incoming.properties
    kept = {key: _portable(value) for key, value in incoming.headers.items() if key not in _ROUTING}
    return BasicProperties(
        content_type=old.content_type,
        content_encoding=old.content_encoding,
        headers={**kept, **headers},
        delivery_mode=DeliveryMode.Persistent,
        priority=old.priority,
        correlation_id=old.correlation_id,
        reply_to=old.reply_to,
        expiration=old.expiration if expires else None,
        message_id=old.message_id,
        timestamp=old.timestamp,
        type=old.type,
        app_id=old.app_id,
    )


def _name(key: str | bytes) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key


def _portable(value: Any) -> Any:
    """Return a value of an AMQP table as pika can send it: no floats, no large integers."""
    if isinstance(value, Mapping):
        return {_name(key): _portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in value]
    is_sent = not isinstance(value, float | int) or (isinstance(value, int) and abs(value) < _LARGE)
    return value if is_sent else str(value)


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _headers(incoming: Incoming) -> dict[str, Any]:
    found = {key.lower(): _plain(value) for key, value in incoming.headers.items()}
    if incoming.properties.content_type is not None:
        found["content-type"] = incoming.properties.content_type
    return found


def _properties(incoming: Incoming) -> dict[str, Any]:
    given = incoming.properties
    found = {
        "exchange": incoming.exchange,
        "routing_key": incoming.routing_key,
        "redelivered": incoming.is_redelivered,
        "message_id": given.message_id,
        "correlation_id": given.correlation_id,
        "reply_to": given.reply_to,
        "type": given.type,
        "app_id": given.app_id,
        "user_id": given.user_id,
        "priority": given.priority,
        "expiration": given.expiration,
        "timestamp": given.timestamp,
        "content_encoding": given.content_encoding,
    }
    return {key: _plain(value) for key, value in found.items()}


def _content(incoming: Incoming) -> bytes:
    """Return everything that the sender decided, in one order."""
    given = incoming.properties
    headers = {
        key: _plain(value)
        for key, value in incoming.headers.items()
        if not key.startswith((*_ADDED, REQUEUED))
    }
    sent = [
        *(incoming.exchange, incoming.routing_key, given.content_type, given.type),
        *(_plain(given.message_id), _plain(given.correlation_id), given.timestamp),
        headers,
    ]
    return json.dumps(sent, sort_keys=True, default=str).encode() + b"\0" + incoming.body


def _plain(value: Any) -> Any:
    """Return a value of an AMQP table as JSON has it."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC).isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {_name(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
