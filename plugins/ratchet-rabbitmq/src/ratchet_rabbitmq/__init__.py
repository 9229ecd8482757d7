"""Ratchet plugin `rabbitmq`: outputs become confirmed messages, messages of a queue become runs.

Only the registration lives here. `destination` sends by `publisher`, `link` keeps a connection,
`broker` says where to, `options` what is wrong with what was configured.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import OutputDestination, PluginServices, hookimpl
from ratchet_rabbitmq.destination import RabbitDestination

__all__ = ["RabbitDestination", "ratchet_register_output_destinations"]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destination `rabbitmq`."""
    return [RabbitDestination()]
