"""Ratchet plugin `redis`: outputs go to RQ queues and streams, stream entries become runs.

Only the registration lives here. `destination` sends, `source` reads, `options` says what is wrong
with what was configured.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import InputSource, OutputDestination, PluginServices, hookimpl
from ratchet_redis.destination import RqDestination, StreamDestination
from ratchet_redis.source import StreamSource

__all__ = [
    "RqDestination",
    "StreamDestination",
    "StreamSource",
    "ratchet_register_input_sources",
    "ratchet_register_output_destinations",
]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destinations `rq` and `redis-stream`."""
    return [RqDestination(), StreamDestination()]


@hookimpl
def ratchet_register_input_sources() -> Iterable[type[InputSource]]:
    """Offer the input source `redis-stream`."""
    return [StreamSource]
