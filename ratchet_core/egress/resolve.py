"""Looks a host name up, once, within the exchange's time limit."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ratchet_core.egress.address import Address
from ratchet_core.egress.target import Target

#: Like `socket.getaddrinfo`: called with host, port and `type=`.
Resolver = Callable[..., Sequence[tuple[Any, Any, Any, Any, tuple[Any, ...]]]]


def resolve(resolver: Resolver, target: Target, deadline: float) -> tuple[Address, ...]:
    """Return the addresses of the target's host in the resolver's order, each once.

    Args:
        resolver: asked unless the host is an address itself.
        target: where the request goes.
        deadline: on `time.monotonic()`.

    Raises:
        TimeoutError: no answer before the deadline.
        OSError, UnicodeError: as the resolver raises them; OSError too when nothing was found.
    """
    if target.address is not None:
        return (target.address,)
    answers: queue.SimpleQueue[Sequence[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(target.host, target.port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
            answers.put(error)

    # A lookup cannot be interrupted, so it gets a thread that may be left behind.
    threading.Thread(target=ask, name="ratchet-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    found = tuple(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in answer))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return found
