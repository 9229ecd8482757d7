"""How often one client may call: Flask-Limiter over token buckets.

Flask-Limiter has no token bucket, so its strategy and its storage are ours. It is set up on an
application of its own that serves nothing: what a host application configures for a limiter of
its own is left alone, and nothing outside our prefixes is counted.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Never, cast

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import RateLimitItem
from limits.storage import Storage
from limits.strategies import STRATEGIES, RateLimiter
from limits.util import WindowStats

from ratchet_core.api.door import call
from ratchet_core.config import RateLimit, Settings, effective_rate_limit
from ratchet_core.dispatch.buckets import Buckets, Taken
from ratchet_core.errors import RateLimited

_STRATEGY: Final = "ratchet-token-bucket"
_SCHEME: Final = "ratchet-buckets"


class BucketStorage(Storage):
    """Where Flask-Limiter counts: in buckets, which answer whether Redis is there or not.

    Args:
        uri: of this kind of storage; says nothing.
        buckets: of all clients.
        limit: of each of them.
    """

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012 - Flask-Limiter finds the class by it

    def __init__(self, uri: str, *, buckets: Buckets, limit: RateLimit) -> None:
        super().__init__(uri)
        self.buckets = buckets
        self.limit = limit

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Errors that mean that the storage is down; this one never is."""
        return ()

    def check(self) -> bool:
        """Tell that it works."""
        return True

    def incr(self, key: str, expiry: int, amount: int = 1) -> Never:
        """Refuse to count as other strategies do."""
        raise NotImplementedError(_STRATEGY)

    def get(self, key: str) -> Never:
        """Refuse to count as other strategies do."""
        raise NotImplementedError(_STRATEGY)

    def get_expiry(self, key: str) -> Never:
        """Refuse to count as other strategies do."""
        raise NotImplementedError(_STRATEGY)

    def reset(self) -> Never:
        """Refuse to forget everybody."""
        raise NotImplementedError(_STRATEGY)

    def clear(self, key: str) -> Never:
        """Refuse to forget somebody."""
        raise NotImplementedError(_STRATEGY)


class TokenBucket(RateLimiter):
    """Flask-Limiter's strategy: each call takes a token, which time puts back evenly."""

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Take a token, and tell whether there was one."""
        storage = cast("BucketStorage", self.storage)
        taken = storage.buckets.take(_key(item, identifiers), storage.limit)
        call.note_allowance(storage.limit, taken)
        return taken.allowed

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Tell whether there is a token."""
        return self._look(item, identifiers).allowed

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Tell how many tokens there are, and when the bucket is full again."""
        seen = self._look(item, identifiers)
        return WindowStats(time.time() + seen.full_in_s, seen.remaining)

    def _look(self, item: RateLimitItem, identifiers: tuple[str, ...]) -> Taken:
        storage = cast("BucketStorage", self.storage)
        return storage.buckets.look(_key(item, identifiers), storage.limit)


def _key(item: RateLimitItem, identifiers: tuple[str, ...]) -> str:
    """Return the name of a bucket; who it belongs to cannot be read from it."""
    whole = item.key_for(*identifiers).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:32]


# The table is how Flask-Limiter finds strategies; it has no other way to be given one.
cast("dict[str, Any]", STRATEGIES)[_STRATEGY] = TokenBucket


class ClientLimit:
    """One limit, with a bucket for each client.

    Args:
        limit: of each client.
        buckets: of all of them.
        scope: keeps its buckets apart from those of other limits.
        client: tells who makes the call that is served.
    """

    def __init__(
        self, limit: RateLimit, buckets: Buckets, scope: str, client: Callable[[], str]
    ) -> None:
        limiter = Limiter(
            client,
            strategy=_STRATEGY,
            storage_uri=f"{_SCHEME}://",
            storage_options=cast("Any", {"buckets": buckets, "limit": limit}),
            request_identifier=lambda: scope,
        )
        limiter.init_app(Flask(__name__, static_folder=None))
        self._limiter = limiter
        bucket = f"{scope}:{limit.burst_size}"
        self._spend = limiter.shared_limit(f"{limit.requests_per_minute}/minute", scope=bucket)(
            lambda: None
        )

    def check(self) -> None:
        """Count the call that is served.

        Raises:
            RateLimited: the client has called too often; says how long it has to wait.
        """
        try:
            self._spend()
        except RateLimitExceeded:
            raise _refusal() from None


def _refusal() -> RateLimited:
    noted = call.allowance()
    if noted is None:
        raise LookupError(_STRATEGY)
    limit, taken = noted
    wait_s = math.ceil(taken.wait_s)
    return RateLimited(
        f"Too many requests: {limit.requests_per_minute} a minute are allowed, "
        f"{limit.burst_size} of them at once; wait {wait_s} s",
        taken.wait_s,
    )


def client_limit(settings: Settings, buckets: Buckets) -> ClientLimit | None:
    """Return the limit of `/api/v1` and `/graphql`, or None where it is off."""
    limit = effective_rate_limit(settings)
    return None if limit is None else ClientLimit(limit, buckets, "clients", _principal_or_address)


def tasker_limit(settings: Settings, buckets: Buckets) -> ClientLimit | None:
    """Return the limit of the Tasker mount (seed 002, "Rate Limiting"), or None where it is off."""
    rules = settings.server.rate_limit
    per_minute = rules.tasker_requests_per_minute
    if per_minute is None or rules.enabled is False:
        return None
    return ClientLimit(RateLimit(per_minute, per_minute), buckets, "tasker", _address)


def limit_headers() -> Mapping[str, str]:
    """Return what the answer to this call says of its limit; nothing where there is none."""
    noted = call.allowance()
    if noted is None:
        return {}
    limit, taken = noted
    return {
        "X-RateLimit-Limit": str(limit.burst_size),
        "X-RateLimit-Remaining": str(taken.remaining),
        "X-RateLimit-Reset": str(math.ceil(time.time() + taken.full_in_s)),
    }


def _principal_or_address() -> str:
    caller = call.caller()
    return _address() if caller is None else f"principal {caller.name}"


def _address() -> str:
    return f"address {request.remote_addr or 'unknown'}"
