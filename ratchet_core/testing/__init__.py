"""What the tests of a plugin stand on: fixtures, ready-made values, and a contract per kind.

    pytest_plugins = ["ratchet_core.testing"]

in the topmost `conftest.py`, or `-p ratchet_core.testing` on the command line, gives the fixtures
`ratchet`, `make_ratchet` and `clock`. It needs `pip install ratchet-core[testing]`; nothing else
of Ratchet imports this package.
"""

from __future__ import annotations

from ratchet_core.testing.clock import Clock
from ratchet_core.testing.contract import (
    AuthenticatorContract,
    InputSourceContract,
    OutputDestinationContract,
    StepHandlerContract,
    WebhookSourceContract,
)
from ratchet_core.testing.fixtures import (
    MakeRatchet,
    clock,
    empty_database,
    make_ratchet,
    ratchet,
    ratchet_options,
)
from ratchet_core.testing.harness import Harness
from ratchet_core.testing.run import SubmittedRun
from ratchet_core.testing.values import (
    NoKeys,
    NoNetwork,
    Recorder,
    StepExample,
    authenticator_settings,
    delivery_view,
    execute,
    local_client,
    plugin_services,
    request_view,
    source_settings,
    step_context,
)

__all__ = [
    "AuthenticatorContract",
    "Clock",
    "Harness",
    "InputSourceContract",
    "MakeRatchet",
    "NoKeys",
    "NoNetwork",
    "OutputDestinationContract",
    "Recorder",
    "StepExample",
    "StepHandlerContract",
    "SubmittedRun",
    "WebhookSourceContract",
    "authenticator_settings",
    "clock",
    "delivery_view",
    "empty_database",
    "execute",
    "local_client",
    "make_ratchet",
    "plugin_services",
    "ratchet",
    "ratchet_options",
    "request_view",
    "source_settings",
    "step_context",
]
