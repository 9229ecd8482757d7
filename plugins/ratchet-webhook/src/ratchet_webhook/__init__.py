"""Ratchet plugin `webhook`: outputs are sent to URLs, and webhooks of others are verified.

Only the registration lives here. `destination` sends, `config` reads a destination's options,
`credentials` proves who sends; `incoming` verifies what comes in.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import OutputDestination, PluginServices, WebhookSource, hookimpl
from ratchet_webhook.destination import WebhookDestination
from ratchet_webhook.incoming import (
    GithubWebhook,
    HmacWebhook,
    SlackWebhook,
    StandardWebhook,
    StripeWebhook,
    UnverifiedWebhook,
)

__all__ = [
    "GithubWebhook",
    "HmacWebhook",
    "SlackWebhook",
    "StandardWebhook",
    "StripeWebhook",
    "UnverifiedWebhook",
    "WebhookDestination",
    "ratchet_register_input_sources",
    "ratchet_register_output_destinations",
]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destination `webhook`."""
    return [WebhookDestination(services.http)]


@hookimpl
def ratchet_register_input_sources() -> Iterable[type[WebhookSource]]:
    """Offer the ways of verifying webhooks."""
    return [
        StandardWebhook,
        GithubWebhook,
        StripeWebhook,
        SlackWebhook,
        HmacWebhook,
        UnverifiedWebhook,
    ]
