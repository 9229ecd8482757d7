"""The two subprotocols of GraphQL over WebSocket, as tables of words.

`graphql-transport-ws` is the one of today's clients; `graphql-ws` is the older one of the classic
playground and of subscriptions-transport-ws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How one subprotocol spells its messages."""

    name: str  #: as negotiated
    subscribe: str  #: the client starts an operation
    stop: str  #: the client ends one
    next: str  #: a result
    errors_as_list: bool  #: `error` carries the list of errors, else one object
    keep_alive: str | None  #: sent after the acknowledgement and from time to time
    is_strict: bool  #: wrong messages end the connection with a code of their own

    def error(self, key: str, errors: Sequence[Any]) -> dict[str, Any]:
        """Return the message that an operation is not executed."""
        payload: Any = list(errors)
        if not self.errors_as_list:
            payload = {**errors[0], "errors": payload}
        return {"id": key, "type": "error", "payload": payload}


TRANSPORT: Final = Protocol(
    name="graphql-transport-ws",
    subscribe="subscribe",
    stop="complete",
    next="next",
    errors_as_list=True,
    keep_alive=None,
    is_strict=True,
)
LEGACY: Final = Protocol(
    name="graphql-ws",
    subscribe="start",
    stop="stop",
    next="data",
    errors_as_list=False,
    keep_alive="ka",
    is_strict=False,
)
#: By name, the preferred one first.
PROTOCOLS: Final = {protocol.name: protocol for protocol in (TRANSPORT, LEGACY)}
