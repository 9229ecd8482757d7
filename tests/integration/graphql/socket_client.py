"""A WebSocket client that says exactly what a test wants, in either subprotocol."""

from __future__ import annotations

import json
import socket
from collections import deque
from typing import Any

from simple_websocket import Client, ConnectionClosed

TIMEOUT_S = 20.0


class Talk:
    """One connection; closing it is the test's affair."""

    def __init__(self, url: str, protocol: str = "graphql-transport-ws", **options: Any) -> None:
        self.channel = Client.connect(url, subprotocols=[protocol], **options)
        self._heard: deque[dict[str, Any]] = deque()

    def say(self, kind: str, **rest: Any) -> None:
        """Send one message."""
        self.channel.send(json.dumps({"type": kind, **rest}))

    def hear(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """Return the next message.

        Raises:
            AssertionError: none came in time.
        """
        if self._heard:
            return self._heard.popleft()
        return self._receive(timeout_s)

    def be_heard(self) -> None:
        """Wait until the server has heard all that we said: a subscription has begun then."""
        self.say("ping")
        while (message := self._receive(TIMEOUT_S))["type"] != "pong":
            self._heard.append(message)

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        text = self.channel.receive(timeout=timeout_s)
        assert text is not None, f"nothing came within {timeout_s:g} s"
        message: dict[str, Any] = json.loads(text)
        return message

    def start(self, query: str, key: str = "1", **variables: Any) -> None:
        """Introduce ourselves and start an operation."""
        self.say("connection_init")
        assert self.hear()["type"] == "connection_ack"
        self.subscribe(query, key, **variables)

    def subscribe(self, query: str, key: str = "1", **variables: Any) -> None:
        """Start an operation."""
        self.say("subscribe", id=key, payload={"query": query, "variables": variables})

    def results(self, field: str, key: str = "1") -> list[Any]:
        """Return what one operation yields until it is complete."""
        found = []
        while (message := self.hear())["type"] != "complete":
            assert message["type"] == "next", message
            assert message["id"] == key
            found.append(message["payload"]["data"][field])
        return found

    def end_code(self) -> int:
        """Return the code with which the server ends the connection."""
        try:
            while True:
                assert self.channel.receive(timeout=TIMEOUT_S) is not None, "it does not end"
        except ConnectionClosed as end:
            return int(end.reason)

    def break_off(self) -> None:
        """Cut the connection as a failing network does, without a word."""
        raw = self.channel.sock
        assert raw is not None
        raw.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        try:
            self.channel.close()
        except ConnectionClosed:
            return
