"""Outgoing HTTP under the egress policy, and the client that answers from mocks.

What lives here: which hosts may be reached, the client that connects only to addresses that were
checked, and `MockClient` for the tests of tasks. What a response means to a step does not: step
handlers judge it.
"""

from __future__ import annotations

from ratchet_core.egress.client import PinnedClient
from ratchet_core.egress.mock import MockClient
from ratchet_core.egress.policy import EgressPolicy

__all__ = ["EgressPolicy", "MockClient", "PinnedClient"]
