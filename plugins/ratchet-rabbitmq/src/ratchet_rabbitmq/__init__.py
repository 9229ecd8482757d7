"""Ratchet plugin `rabbitmq`: outputs become confirmed messages, messages of a queue become runs.

Only the registration lives here. `destination` sends by `publisher`, `source` takes by `consumer`;
both by way of a `link`. `broker` says where that leads, `options` what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import InputSource, OutputDestination, PluginServices, hookimpl
from ratchet_rabbitmq.destination import RabbitDestination
from ratchet_rabbitmq.source import RabbitSource

__all__ = [
    "RabbitDestination",
    "RabbitSource",
    "ratchet_register_input_sources",
    "ratchet_register_output_destinations",
]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destination `rabbitmq`."""
    return [RabbitDestination()]


@hookimpl
def ratchet_register_input_sources() -> Iterable[type[InputSource]]:
    """Offer the input source `rabbitmq`."""
    return [RabbitSource]
