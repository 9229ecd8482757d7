"""Input sources: what makes runs of messages and webhooks.

Two forms, both offered through `ratchet_register_input_sources`: an `InputSource` fetches (a
queue, a topic) and runs in `ratchet ingest`; a `WebhookSource` is called over HTTP at
`/webhooks/{source}` and runs in the processes that serve the API.

A message makes one run: what it carries becomes the run's input. It arrives at least once, and
`identity` tells doubles apart, so that a message that comes again makes no second run.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from ratchet_core.errors import RatchetError
from ratchet_core.sdk.http import HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What one configured source is made with; the same in every process, and frozen."""

    name: str  #: of the source, unique: what `/webhooks/{source}` and logs call it
    #: its own keys as configured; `${ENV}` is resolved, so secrets may be among them
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: `result`: a message is done with when its run has completed, see `Feed.wait_for`;
    #: `stored`: when its run is stored
    ack: Literal["stored", "result"] = "stored"
    #: with `ack: result`: how often a message whose run failed is put back, before it is put aside
    #: (rejected, dead-lettered). It then needs another `identity`, or the failed run is its answer:
    #: append the number, as in `orders:1207:requeue 1`
    requeue: int = 0
    #: settings of the plugin: `plugins.settings.<name>`
    plugin: Mapping[str, Any] = field(default_factory=dict, repr=False)
    http: HttpClient  #: obeys the egress policy
    data_dir: Path  #: directory for its files; may not exist yet


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One message, as the run is to see it."""

    input: Any  #: JSON value: the run's input, such as `{queue_name, message, headers}`
    #: the same whenever the same message comes, and no other's, 1 to 200 characters:
    #: `orders:partition 3:offset 1207`; None makes a run each time it comes
    identity: str | None
    #: the workflow to run, where the message names it; None takes the configured one
    workflow: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a message."""

    run_id: str  #: the run, stored for good; for a double that of the first
    is_new: bool  #: False for a double
    #: with `ack: result` how the run ended: whether the message is done with; None while unknown
    done: bool | None = None


class Feed(Protocol):
    """Takes messages and makes runs of them; safe to use from several threads."""

    @property
    def stop(self) -> threading.Event:
        """Set when the source is to end: take no more messages, answer those taken, return."""
        ...

    def submit(self, messages: Sequence[InboundMessage]) -> Sequence[Accepted | Exception]:
        """Store the runs of messages, in one transaction; acknowledge only after it returned.

        Blocks while too many runs wait (back-pressure), and while the database is away; `stop`
        ends the waiting. May take a while: keep the broker's heartbeat on another thread.

        Args:
            messages: 1 to 1,000.

        Returns:
            One answer per message, in their order: what became of it, or why it can never become
            a run (no such workflow, input against the schema): reject it, do not requeue it.

        Raises:
            FeedStopped: `stop` was set before they were stored; requeue them.
        """
        ...

    def wait_for(self, accepted: Accepted, timeout_s: float) -> Accepted:
        """Return what is known of a run after at most `timeout_s` (for `ack: result`).

        `done` is then True (completed, and its output's `ack` is not false), False (failed,
        cancelled, or `ack` false) or None (not yet ended).
        """
        ...

    def healthy(self, message: str = "ok") -> None:
        """Say that the source is connected; `/health` shows it."""
        ...

    def failing(self, message: str) -> None:
        """Say why the source gets nothing at present; without secrets. `/health` shows it."""
        ...


class FeedStopped(RatchetError):
    """The process ends; what was handed in is not stored."""

    code = "FEED_STOPPED"


class InputSource(ABC):
    """Fetches messages from one place and feeds them; one instance per configured source.

    Runs in a process of `ratchet ingest`, on a thread of its own. `run` may block as long as it
    likes, but looks at `feed.stop` at least each second.

    Args:
        settings: what it needs. A constructor that raises leaves the source out, with the reason
            in `/health`; open no connection in it.
    """

    #: What `type` of a configured source calls it, in lower case: `rabbitmq`.
    name: ClassVar[str]

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG003
        """Return what is wrong with a source's options; nothing by default. Does no I/O.

        Returns:
            One sentence per problem, each beginning with its key: `queue: is missing`.
        """
        return ()

    @abstractmethod
    def run(self, feed: Feed) -> None:
        """Take messages and feed them until `feed.stop` is set; then return within 5 s.

        Connect, and connect again after a loss, with a back-off; tell `feed.healthy` and
        `feed.failing`. Acknowledge (commit the offset) only after `feed.submit` has returned.

        Raises:
            Exception: the source is started again after a back-off; the error is logged and
                counted, and `/health` shows it.
        """

    def close(self) -> None:  # noqa: B027 - nothing to give back is the common case
        """Give back connections; called after `run` has returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A request that came to `/webhooks/{source}`."""

    method: str  #: upper case
    path: str  #: without the query
    headers: Mapping[str, str] = field(repr=False)  #: lower-case names
    body: bytes = field(repr=False)  #: exactly as it came, at most the configured size
    received_at: float  #: seconds since 1970, by this machine's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedWebhook:
    """A request that is what it says it is."""

    identity: str | None  #: as with `InboundMessage`: the sender's id of this message
    #: JSON object: what is answered, with 200, in place of making a run, such as to a handshake
    reply: Mapping[str, Any] | None = field(default=None, repr=False)


class WebhookSource(ABC):
    """Verifies requests of one sender's manner; one instance per configured source.

    Runs in the processes that serve the API, on the thread of the request, from several threads
    at once. `verify` answers from memory within milliseconds: no network, no waiting.

    Args:
        settings: what it needs; a constructor that raises leaves the source out (404).
    """

    #: What `verify` of a configured source calls it, in lower case: `github`.
    name: ClassVar[str]

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG003
        """Return what is wrong with a source's options; as with `InputSource.check`."""
        return ()

    @abstractmethod
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check the sender's signature and the age of the request.

        Raises:
            AuthenticationFailed: it is not from that sender, or too old: 401. What the error says
                is logged, never shown; compare digests with `hmac.compare_digest`.
            Exception: anything else is logged with the plugin's name, and is a 401 as well.
        """
