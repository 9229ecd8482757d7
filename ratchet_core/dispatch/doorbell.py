"""The doorbell: tells lingering drains that steps became ready, so that they need not poll.

A ring is a hint. It carries no work, may be lost or come for nothing, and never raises: without
Redis a drain looks into the database by itself, a few times a second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from redis import Redis

from ratchet_core.dispatch.connection import LONGEST_BLOCK_S, RedisConnection

#: Seconds for which a drain counts after it last came to wait.
PRESENCE_S: Final = 5
#: Seconds after which rings that nobody took are forgotten.
_RING_TTL_S: Final = 60
#: Share by which the polling interval varies either way, so that drains do not look in step.
_JITTER: Final = 0.2

# Both scripts take the time from Redis, so that no two hosts' clocks are compared.
_RING: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local drains = math.max(1, redis.call('ZCARD', KEYS[2]))
for _ = 1, math.min(tonumber(ARGV[1]), drains) do redis.call('RPUSH', KEYS[1], '1') end
redis.call('LTRIM', KEYS[1], 0, drains - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return drains
"""
_PRESENT: Final = """
local till = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[2])
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, till, ARGV[1])
  redis.call('EXPIRE', key, 2 * tonumber(ARGV[2]))
end
return till
"""


def bell_key(queue: str) -> str:
    """Return the name of the list that a queue's drains wait on."""
    return f"ratchet:bell:{queue}"


def presence_key(queue: str) -> str:
    """Return the name of the sorted set of a queue's drains."""
    return f"ratchet:drains:{queue}"


class Doorbell:
    """Rings for drains, and waits for rings.

    Args:
        connection: to Redis, which may be absent.
        poll_interval_s: how long `wait` takes without Redis, give or take a fifth.
        pause: waits that many seconds.
        jitter: uniform in 0 to 1.
    """

    def __init__(
        self,
        connection: RedisConnection,
        *,
        poll_interval_s: float = 0.25,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._poll_interval_s = poll_interval_s
        self._pause = pause
        self._jitter = jitter

    def ring(self, queue: str, count: int = 1) -> None:
        """Wake up to `count` of the queue's drains; never raises."""
        if count < 1 or self._connection.is_resting:
            return
        keys = (bell_key(queue), presence_key(queue))
        self._connection.ask(
            lambda client: client.register_script(_RING)(keys, [count, _RING_TTL_S]), None
        )

    def ring_all(self, ready: Mapping[str, int]) -> None:
        """Ring for every queue of a mapping from queue to steps that became ready."""
        for queue, count in ready.items():
            self.ring(queue, count)

    def wait(self, drain_id: str, queues: Sequence[str], timeout_s: float) -> bool:
        """Wait for a ring.

        Args:
            drain_id: of the drain that waits; counted as present for a few seconds.
            queues: whose rings it answers.
            timeout_s: longest wait; without Redis the polling interval bounds it too.

        Returns:
            True after a ring; False when it is time to look into the database.
        """
        timeout_s = max(0.01, min(timeout_s, LONGEST_BLOCK_S))
        if not self._connection.is_resting:
            rung = self._connection.ask_blocking(
                lambda client: self._block(client, drain_id, queues, timeout_s), None
            )
            if rung is not None:
                return rung
        spread = 1 + _JITTER * (2 * self._jitter() - 1)
        self._pause(min(timeout_s, self._poll_interval_s * spread))
        return False

    @staticmethod
    def _block(client: Redis, drain_id: str, queues: Sequence[str], timeout_s: float) -> bool:
        present = client.register_script(_PRESENT)
        present([presence_key(queue) for queue in queues], [drain_id, PRESENCE_S])
        return client.blpop([bell_key(queue) for queue in queues], timeout_s) is not None

    def leave(self, drain_id: str, queues: Sequence[str]) -> None:
        """Count the drain as present no more."""
        self._connection.ask(
            lambda client: [client.zrem(presence_key(queue), drain_id) for queue in queues], None
        )
