"""The contracts: one class of tests per kind of plugin part, which its author's tests inherit.

    class TestGreeter(StepHandlerContract):
        @pytest.fixture
        def handler(self):
            return Greeter()

Each test is a promise of `ratchet_core.sdk`. What a contract needs to know of the part, the author
tells by overriding fixtures and class attributes.
"""

from __future__ import annotations

from ratchet_core.testing.contract.authenticator import AuthenticatorContract
from ratchet_core.testing.contract.handler import StepHandlerContract
from ratchet_core.testing.contract.output import OutputDestinationContract
from ratchet_core.testing.contract.source import InputSourceContract
from ratchet_core.testing.contract.webhook import WebhookSourceContract

__all__ = [
    "AuthenticatorContract",
    "InputSourceContract",
    "OutputDestinationContract",
    "StepHandlerContract",
    "WebhookSourceContract",
]
