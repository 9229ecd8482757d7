"""One connection to a broker, served by a thread of its own.

pika's connections belong to one thread. That thread answers heartbeats whatever the others wait
for; they hand it what to do with `Link.call`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from pika import SelectConnection
from pika.adapters.select_connection import IOLoop
from pika.connection import Parameters
from pika.exceptions import AMQPError

_log = logging.getLogger(__name__)
# What pika logs on its own (tracebacks of each refused connection) is told by `reason_of` as well.
logging.getLogger("pika").setLevel(logging.CRITICAL)

#: How long a broker may take to say goodbye, in seconds.
CLOSE_S: Final = 3.0


class Link:
    """A connection from its opening to its end; it is not opened again.

    Args:
        parameters: where to, and as whom.
        on_open: gets the connection once it is open, on the link's thread.
        on_lost: gets the reason, on the link's thread, once it is gone or could not be opened;
            called exactly once.
    """

    def __init__(
        self,
        parameters: Parameters,
        on_open: Callable[[Any], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._parameters = parameters
        self._on_open = on_open
        self._on_lost = on_lost
        self._loop = IOLoop()
        self._lock = threading.Lock()
        self._has_ended = False
        self._is_shut = False  # by us: the reason is known
        self._connection: Any = None
        self._reason = "the connection was closed"
        self._thread = threading.Thread(target=self._serve, name="ratchet-rabbitmq", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> bool:
        """Have a function called on the link's thread; tell whether it still has one."""
        with self._lock:
            if not self._has_ended:
                self._loop.add_callback_threadsafe(function)
            return not self._has_ended

    def close(self, reason: str = "the connection was closed") -> None:
        """Send what waits to be sent, close, and wait for the end; from any other thread."""
        self.call(lambda: self.shut(reason))
        self._thread.join(CLOSE_S)

    def shut(self, reason: str) -> None:
        """Begin to close, for the first reason that is given; on the link's thread."""
        if self._is_shut:
            return
        self._reason = reason
        self._is_shut = True
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()
            self._loop.call_later(CLOSE_S, self._loop.stop)  # a broker that does not answer

    def _serve(self) -> None:
        try:
            self._connection = SelectConnection(
                self._parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=self._gone,
                on_close_callback=self._gone,
                custom_ioloop=self._loop,
            )
            self._loop.start()
        except Exception as error:  # noqa: BLE001 - whoever waits is told of it in `on_lost`
            self._reason = f"{type(error).__name__} in the connection to RabbitMQ"
            _log.exception("the connection to RabbitMQ ended with an error")
        finally:
            with self._lock:
                self._has_ended = True
            self._loop.close()
            self._on_lost(self._reason)

    def _gone(self, _connection: Any, error: BaseException) -> None:
        if not self._is_shut:
            self._reason = reason_of(error)
        self._loop.stop()


def reason_of(error: BaseException) -> str:
    """Say in one line what went wrong with a connection or a channel; never with a credential."""
    text = getattr(error, "reply_text", None)
    if text:
        return f"RabbitMQ says: {text}"
    inner = [
        *reversed(getattr(error, "exceptions", ())),
        getattr(error, "exception", None),
        *(item for item in error.args if isinstance(item, BaseException)),
    ]
    for cause in inner:
        if isinstance(cause, BaseException):
            return reason_of(cause)
    said = getattr(error, "strerror", None) or _SAID.get(type(error).__name__)
    if said is None and isinstance(error, AMQPError) and error.args:
        said = "; ".join(str(item) for item in error.args)
    return f"RabbitMQ does not answer ({said or type(error).__name__})"


_SAID: Final = {
    "AMQPHeartbeatTimeout": "no heartbeat came",
    "StreamLostError": "the connection broke",
    "IncompatibleProtocolError": "it does not speak AMQP 0-9-1",
    "ProbableAuthenticationError": "it seems not to know the user or the password",
    "ProbableAccessDeniedError": "it seems not to let the user into the virtual host",
}
