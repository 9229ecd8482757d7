"""Operations of one connection, each with a name: subscriptions follow on threads of their own.

For connections that carry several operations at a time: WebSockets, and event streams that were
reserved. A client that does not read blocks only the threads of its own connection.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ratchet_core.api.door.call import carry
from ratchet_core.api.graphql.expiry import CredentialsEnded
from ratchet_core.api.graphql.feed import Follower
from ratchet_core.api.graphql.operation import Operation, Operations, Request, Results, told
from ratchet_core.api.graphql.places import Places
from ratchet_core.api.graphql.problem import Refused, as_problem, extensions
from ratchet_core.api.graphql.subscription import Closing, Stopped
from ratchet_core.errors import Conflict


class Client(Protocol):
    """Whoever is told; each call raises `OSError` where the client takes nothing any more."""

    def tell_result(self, key: str, result: Mapping[str, Any]) -> None:
        """Send one result of an operation."""

    def tell_end(self, key: str) -> None:
        """Send that an operation has no more results."""

    def tell_refusal(self, key: str, errors: Sequence[Mapping[str, Any]]) -> None:
        """Send that an operation is not executed, or not any longer."""

    def tell_expiry(self, key: str, error: CredentialsEnded) -> None:
        """Send that an operation ends because the credentials do."""

    def hang_up(self) -> None:
        """End the connection: the client does not read what it is sent. Never raises."""


class OperationRuns(Conflict):
    """An operation of that name runs on the connection."""

    code = "OPERATION_EXISTS"

    def __init__(self, key: str) -> None:
        super().__init__(f"An operation '{key[:50]}' runs on this connection already")


class Operating:
    """The operations that run for one client.

    Args:
        operations: of the schema.
        places: for subscriptions.
        client: is told.
    """

    def __init__(self, operations: Operations, places: Places, client: Client) -> None:
        self._operations = operations
        self._places = places
        self._client = client
        self._lock = threading.Lock()
        self._running: dict[str, Follower] = {}
        self._is_over = False

    def __contains__(self, key: str) -> bool:
        """Tell whether an operation of that name runs."""
        return key in self._running

    def start(self, key: str, request: Request) -> None:
        """Execute what has one result; let a subscription follow. Refusals are told.

        Raises:
            OSError: the client takes nothing any more.
        """
        try:
            operation = self._operations.prepare(request)
            if operation.is_subscription:
                self._follow(key, operation)
                return
            self._client.tell_result(key, self._operations.execute(operation))
        except Refused as refusal:
            self._client.tell_refusal(key, told(refusal))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - one operation must not end the others
            self._client.tell_refusal(key, [entry(error)])
        else:
            self._client.tell_end(key)

    def stop(self, key: str) -> None:
        """End an operation without a word; nothing where none of that name runs."""
        with self._lock:
            follower = self._running.pop(key, None)
        if follower is not None:
            follower.stop()

    def stop_all(self) -> None:
        """End all operations without a word, for good."""
        with self._lock:
            self._is_over = True
            followers = list(self._running.values())
            self._running.clear()
        for follower in followers:
            follower.stop()

    def _follow(self, key: str, operation: Operation) -> None:
        follower = Follower()
        with self._lock:
            if self._is_over:
                raise ConnectionAbortedError
            if key in self._running:
                raise OperationRuns(key)
            self._places.take()
            self._running[key] = follower
        try:
            # here, so that what the client says next is heard after the place is known
            results = self._operations.subscribe(operation, follower)
            threading.Thread(
                target=carry(self._results),
                args=(key, results, follower),
                name="ratchet-subscription",
                daemon=True,
            ).start()
        except BaseException:  # refused, or the process has as many threads as it may
            self._has_ended(key, follower)
            self._places.give_back()
            raise

    def _results(self, key: str, results: Results, follower: Follower) -> None:
        client = self._client
        try:
            with contextlib.closing(results):
                for result in results:
                    if result is not None and not follower.is_stopped:
                        client.tell_result(key, result)
            if self._has_ended(key, follower):
                client.tell_end(key)
        except (Stopped, Closing):
            self._has_ended(key, follower)
        except OSError:
            self._has_ended(key, follower)
            client.hang_up()
        except CredentialsEnded as error:
            if self._has_ended(key, follower):
                with contextlib.suppress(OSError):
                    client.tell_expiry(key, error)
        except Exception as error:  # noqa: BLE001 - nothing above could tell the client
            if self._has_ended(key, follower):
                with contextlib.suppress(OSError):
                    client.tell_refusal(key, [entry(error)])
        finally:
            self._places.give_back()

    def _has_ended(self, key: str, follower: Follower) -> bool:
        """Free the name; False where the client has stopped it, and may have used it again."""
        with self._lock:
            if self._running.get(key) is not follower:
                return False
            del self._running[key]
            return True


def entry(error: Exception) -> dict[str, Any]:
    """Return an error outside the execution of an operation as an entry of `errors`."""
    problem = as_problem(error)
    return {"message": problem.message, "extensions": extensions(problem)}
