"""Ratchet plugin `kafka`: outputs become messages of topics, messages become runs.

Only the registration lives here. `destination` sends through an `outlet`. `source` reads: `message`
says what a run gets, `positions` what may be committed, `aside` sends on what never became a run,
`condition` says how it goes. `options` and `client` say what is wrong with what was configured.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import InputSource, OutputDestination, PluginServices, hookimpl
from ratchet_kafka.destination import KafkaDestination
from ratchet_kafka.source import KafkaSource

__all__ = [
    "KafkaDestination",
    "KafkaSource",
    "ratchet_register_input_sources",
    "ratchet_register_output_destinations",
]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destination `kafka`."""
    return [KafkaDestination()]


@hookimpl
def ratchet_register_input_sources() -> Iterable[type[InputSource]]:
    """Offer the input source `kafka`."""
    return [KafkaSource]
