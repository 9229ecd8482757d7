"""Everything that talks to Redis: the doorbell, RQ workers as hosts of drains, embedded servers.

Nothing here decides about runs, and nothing is lost with Redis.
"""

from __future__ import annotations

from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.dispatch.doorbell import Doorbell
from ratchet_core.dispatch.embedded import EmbeddedRedis
from ratchet_core.dispatch.hosts import HostRequest, Hosts
from ratchet_core.dispatch.worker import Worker

__all__ = ["Doorbell", "EmbeddedRedis", "HostRequest", "Hosts", "RedisConnection", "Worker"]
