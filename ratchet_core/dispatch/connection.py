"""The connection to Redis: made on first use, quick to give up, and free while Redis is down.

Nothing that is done over it decides anything: it hosts and wakes drains. Errors are counted here
and answered with a default; they never reach the callers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError
from redis.retry import Retry

from ratchet_core.redaction import mask_text

Answer = TypeVar("Answer")

#: Pause after an error, in which Redis is not asked again.
REST_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 0.5
ANSWER_TIMEOUT_S: Final = 1.0
#: Longest that a blocking command may be asked to block: a Redis that hangs, and tells nobody so,
#: holds a drain up for that long and ANSWER_TIMEOUT_S.
LONGEST_BLOCK_S: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a Redis that does not answer may hold its callers up."""

    connect_s: float = CONNECT_TIMEOUT_S
    answer_s: float = ANSWER_TIMEOUT_S
    rest_s: float = REST_S  #: pause after an error, in which Redis is not asked again


#: For what every call has to wait for.
HASTY: Final = Patience(connect_s=0.2, answer_s=0.2, rest_s=5.0)


class RedisConnection:
    """A lazily connected Redis that may be absent or down.

    Safe to carry through a fork and to use from several threads.

    Args:
        url: `redis://`, `rediss://` or `unix://`; None means that there is no Redis.
        patience: how long callers may be held up.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self,
        url: str | None,
        *,
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._patience = patience or Patience()
        self._monotonic = monotonic
        self._quick: Redis | None = None
        self._blocking: Redis | None = None
        self._rest_until = 0.0
        self._failed = False

    @property
    def is_configured(self) -> bool:
        """Whether there is a Redis to talk to at all."""
        return self.url is not None

    @property
    def is_resting(self) -> bool:
        """Whether Redis is left alone for now, because it failed a moment ago or is absent."""
        return self.url is None or self._monotonic() < self._rest_until

    def ask(self, work: Callable[[Redis], Answer], default: Answer) -> Answer:
        """Return what `work` returns, or `default` where Redis does not answer.

        Args:
            work: gets the client; must be safe to give up halfway.
            default: the answer without Redis.
        """
        return self._guarded(self.client, work, default)

    def ask_blocking(self, work: Callable[[Redis], Answer], default: Answer) -> Answer:
        """Like `ask`, for commands that block up to LONGEST_BLOCK_S."""
        return self._guarded(self._blocking_client, work, default)

    def ping(self) -> bool:
        """Tell whether Redis answers now."""
        return self.ask(lambda client: bool(client.ping()), default=False)

    def client(self) -> Redis:
        """Return the client for quick commands; the caller sees its errors."""
        if self._quick is None:
            self._quick = _client(self._known_url(), self._patience, self._patience.answer_s)
        return self._quick

    def close(self) -> None:
        """Give the sockets back."""
        for client in (self._quick, self._blocking):
            if client is not None:
                client.close()
        self._quick = self._blocking = None

    def _blocking_client(self) -> Redis:
        if self._blocking is None:
            answer_s = LONGEST_BLOCK_S + self._patience.answer_s
            self._blocking = _client(self._known_url(), self._patience, answer_s)
        return self._blocking

    def _known_url(self) -> str:
        if self.url is None:
            message = "no Redis is configured: set redis.url (RATCHET_REDIS_URL)"
            raise LookupError(message)
        return self.url

    def _guarded(
        self, client: Callable[[], Redis], work: Callable[[Redis], Answer], default: Answer
    ) -> Answer:
        if self.is_resting:
            return default
        try:
            answer = work(client())
        except (RedisError, OSError) as error:
            self._rest(error)
            return default
        if self._failed:
            self._failed = False
            _log.info("Redis at %s answers again", mask_text(self._known_url()))
        return answer

    def _rest(self, error: Exception) -> None:
        self._rest_until = self._monotonic() + self._patience.rest_s
        if not self._failed:
            self._failed = True
            _log.warning(
                "Redis at %s does not answer (%s); going on without it",
                mask_text(self._known_url()),
                error,
            )


def _client(url: str, patience: Patience, answer_s: float) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=answer_s,
        socket_connect_timeout=patience.connect_s,
        retry=once_more(),
    )


def once_more() -> Retry:
    """Return the one retry that helps: a pooled socket may belong to a server restarted since.

    Where the server is silent another wait would be as long.
    """
    return Retry(NoBackoff(), 1, (NotConnected,))
