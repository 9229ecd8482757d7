"""Token buckets: one per client and limit, shared by all processes through Redis.

While Redis does not answer, each process counts for itself, so that no call fails or waits for
it. What is limited, and whom a bucket belongs to, does not live here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from redis import Redis

from ratchet_core.config import RateLimit
from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.dispatch.names import PREFIX

_MINUTE_US: Final = 60_000_000
_SECOND_US: Final = 1_000_000
#: Buckets that one process keeps in its memory; the one used longest ago goes first.
MAX_KEPT: Final = 10_000

# All that is kept of a bucket is when it will be full again; full buckets are forgotten.
_TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, capacity, spends = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') - now, 0)
local left = capacity * interval - owed
if left < interval then
  return {0, 0, math.ceil(interval - left), math.ceil(owed)}
end
if spends == 1 then
  owed, left = owed + interval, left - interval
  redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000))
end
return {1, math.floor(left / interval), 0, math.ceil(owed)}
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a token that was asked for."""

    allowed: bool  #: there was one
    remaining: int  #: whole tokens that are left
    wait_s: float  #: until there is one again; 0 where there was one
    full_in_s: float  #: until the bucket is full again


class Buckets:
    """The buckets of all clients.

    Args:
        redis: shares them between processes; may be absent or down.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self, redis: RedisConnection, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._full_at_us: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, limit: RateLimit) -> Taken:
        """Take one token out of a bucket, where there is one.

        Args:
            key: of the bucket; a bucket of another limit has another key.
            limit: how fast it is refilled, and how much it holds.
        """
        return self._ask(key, limit, spends=True)

    def look(self, key: str, limit: RateLimit) -> Taken:
        """Tell what `take` would answer, and take nothing."""
        return self._ask(key, limit, spends=False)

    def _ask(self, key: str, limit: RateLimit, *, spends: bool) -> Taken:
        interval_us = -(-_MINUTE_US // limit.requests_per_minute)

        def take(client: Redis) -> list[int] | None:
            name = f"{PREFIX}limit:{key}"
            given = (interval_us, limit.burst_size, int(spends))
            return cast("list[int]", client.eval(_TAKE, 1, name, *given))

        answer = self._redis.ask(take, None)
        if answer is None:
            return self._ask_memory(key, interval_us, limit.burst_size, spends=spends)
        allowed, remaining, wait_us, owed_us = answer
        return Taken(bool(allowed), remaining, wait_us / _SECOND_US, owed_us / _SECOND_US)

    def _ask_memory(self, key: str, interval_us: int, capacity: int, *, spends: bool) -> Taken:
        now_us = int(self._monotonic() * _SECOND_US)
        with self._lock:
            owed_us = max(self._full_at_us.get(key, 0) - now_us, 0)
            left_us = capacity * interval_us - owed_us
            if left_us < interval_us:
                wait_us = interval_us - left_us
                return Taken(
                    allowed=False,
                    remaining=0,
                    wait_s=wait_us / _SECOND_US,
                    full_in_s=owed_us / _SECOND_US,
                )
            if spends:
                owed_us, left_us = owed_us + interval_us, left_us - interval_us
                self._keep(key, now_us + owed_us)
        return Taken(
            allowed=True,
            remaining=left_us // interval_us,
            wait_s=0.0,
            full_in_s=owed_us / _SECOND_US,
        )

    def _keep(self, key: str, full_at_us: int) -> None:
        self._full_at_us[key] = full_at_us
        self._full_at_us.move_to_end(key)
        if len(self._full_at_us) > MAX_KEPT:
            self._full_at_us.popitem(last=False)
