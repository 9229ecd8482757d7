"""A client of server-sent events that says exactly what a test wants, in either mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests

TIMEOUT_S = 20.0
TOKEN_HEADER = "X-GraphQL-Event-Stream-Token"


def stream(base: str, query: str, **variables: Any) -> requests.Response:
    """Return the open answer to an operation on a connection of its own."""
    return requests.post(
        f"{base}/graphql",
        json={"query": query, "variables": variables},
        headers={"Accept": "text/event-stream"},
        stream=True,
        timeout=TIMEOUT_S,
    )


def events_of(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    """Yield the events of a stream: name and value."""
    name = ""
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            yield name, json.loads(text) if text else None


class Reserved:
    """One reserved stream, and the calls that are about it."""

    def __init__(self, base: str, **headers: str) -> None:
        self.url = f"{base}/graphql"
        made = requests.put(self.url, headers=headers, timeout=TIMEOUT_S)
        assert made.status_code == 201, made.text
        self.headers = {**headers, TOKEN_HEADER: made.text}

    def open(self) -> requests.Response:
        """Open the stream and return it."""
        headers = {**self.headers, "Accept": "text/event-stream"}
        return requests.get(self.url, headers=headers, stream=True, timeout=TIMEOUT_S)

    def start(self, key: str, query: str, **variables: Any) -> requests.Response:
        """Start an operation."""
        sent = {"query": query, "variables": variables, "extensions": {"operationId": key}}
        return requests.post(self.url, json=sent, headers=self.headers, timeout=TIMEOUT_S)

    def stop(self, key: str) -> requests.Response:
        """End an operation."""
        return requests.delete(
            self.url, params={"operationId": key}, headers=self.headers, timeout=TIMEOUT_S
        )
