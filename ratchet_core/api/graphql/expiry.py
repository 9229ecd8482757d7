"""How long the caller's credentials last: what stays open must not outlive them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ratchet_core.api.door.call import caller
from ratchet_core.errors import AuthenticationFailed


class CredentialsEnded(AuthenticationFailed):
    """The credentials were valid when this began, and are no more."""

    def __init__(self) -> None:
        super().__init__("The credentials have ended; connect again with new ones")


def seconds_left() -> float:
    """Return how long the caller's credentials are valid yet; infinite where they do not end."""
    known = caller()
    ends_at = None if known is None else known.expires_at
    return math.inf if ends_at is None else (ends_at - datetime.now(UTC)).total_seconds()
