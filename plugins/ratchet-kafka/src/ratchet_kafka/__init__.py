"""Ratchet plugin `kafka`: outputs become messages of topics, messages become runs.

Only the registration lives here. `destination` sends through an `outlet`; `options` and `client`
say what is wrong with what was configured.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import OutputDestination, PluginServices, hookimpl
from ratchet_kafka.destination import KafkaDestination

__all__ = ["KafkaDestination", "ratchet_register_output_destinations"]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destination `kafka`."""
    return [KafkaDestination()]
