"""The real RabbitMQ that tests talk to: one that runs on this machine, else a private one.

Tests on the shared one name their queues by `Broker.queue`, which are gone at the end; who wants to
stop a broker takes the private `rabbit_server`. It needs the package rabbitmq-server installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Never

import pika
import pytest
import requests
from pika.exceptions import AMQPConnectionError, AMQPError

from tests.servers import free_port, missing
from tests.waiting import wait_for

VARIABLE: Final = "RATCHET_TEST_RABBITMQ_URL"
_LOCAL: Final = "amqp://guest:guest@127.0.0.1:5672"
#: Where packages put the script itself; what is on PATH changes the user first.
_SCRIPTS: Final = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/homebrew/sbin")
#: Runs $0 until that or the test process ends, whose pipe it reads: then all of it is killed.
_TIED: Final = '("$0"; kill -KILL 0) & read -r _; kill -KILL 0'
#: A broker is slow to start on a machine that is busy with other tests.
START_TIMEOUT_S: Final = 120.0


def connect(url: str) -> pika.BlockingConnection:
    """Connect once, without another attempt."""
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = 5
    parameters.heartbeat = 600
    return pika.BlockingConnection(parameters)


def answers(url: str) -> bool:
    """Tell whether a broker takes connections there."""
    with contextlib.suppress(AMQPConnectionError, OSError):
        connect(url).close()
        return True
    return False


class Broker:
    """What a test does at a broker besides Ratchet; queues made here are deleted at its end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = connect(url)
        self.channel = self._connection.channel()
        self.channel.confirm_delivery()
        self._names: list[str] = []

    def name(self) -> str:
        """Give the name of a queue that nobody else has; it is deleted at the end."""
        self._names.append(f"ratchet-test-{uuid.uuid4().hex[:12]}")
        return self._names[-1]

    def queue(self, arguments: Mapping[str, Any] | None = None) -> str:
        """Make a durable queue of a new name."""
        name = self.name()
        self.channel.queue_declare(name, durable=True, arguments=arguments)
        return name

    def send(self, queue: str, body: bytes, **properties: Any) -> None:
        """Send a persistent message to a queue and wait until it is there."""
        given = pika.BasicProperties(delivery_mode=2, **properties)
        self.channel.basic_publish("", queue, body, given, mandatory=True)

    def send_numbered(self, queue: str, numbers: range) -> None:
        """Send a message with an id of its own for each number."""
        for number in numbers:
            self.send(
                queue,
                b'{"n":%d}' % number,
                message_id=f"message-{number}",
                content_type="application/json",
            )

    def count(self, queue: str) -> int:
        """Count what is ready in a queue."""
        answer = self.channel.queue_declare(queue, passive=True)
        return int(answer.method.message_count)

    def take(self, queue: str) -> tuple[Any, bytes] | None:
        """Take the first message of a queue: its properties and body."""
        method, properties, body = self.channel.basic_get(queue, auto_ack=True)
        return None if method is None else (properties, body)

    def close(self) -> None:
        """Delete the queues and say goodbye; with a broker that was killed its queues are gone."""
        with contextlib.suppress(AMQPError):
            if not self.channel.is_open:
                self.channel = self._connection.channel()
            for name in self._names:
                self.channel.queue_delete(name)
            self._connection.close()


class RabbitServer:
    """A private broker that a test may kill and start again; it keeps its queues on disk.

    Args:
        script: that starts one.
        folder: for everything that it keeps.
        settings: lines of its `rabbitmq.conf`.
        counted: its management API tells of each queue what AMQP does not, on `counted_port`.
    """

    def __init__(
        self, script: str, folder: Path, settings: str = "", *, counted: bool = False
    ) -> None:
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        self._script = script
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.counted_port = free_port() if counted else 0
        if counted:
            settings += (
                f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.counted_port}\n"
            )
        (folder / "rabbitmq.conf").write_text(f"log.console = true\n{settings}", encoding="utf-8")
        plugins = "[rabbitmq_management].\n" if counted else "[].\n"
        (folder / "enabled_plugins").write_text(plugins, encoding="utf-8")
        distribution = free_port()
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # of the cookie
            "RABBITMQ_NODENAME": f"ratchet-test-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            # no daemon that knows the names of nodes, which would outlive the test
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-start_epmd false -erl_epmd_port {distribution}"
            ),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-such-file"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-such-file"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        }

    def start(self) -> None:
        """Start the broker on its port and return once it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = process = subprocess.Popen(
                ["/bin/sh", "-c", _TIED, self._script],
                env=self._env,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def look() -> bool:
            if process.poll() is not None:
                text = (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")
                pytest.fail(f"the broker ended with {process.returncode}:\n{text[-4000:]}")
            return answers(self.url)

        wait_for(look, "the broker to answer", timeout_s=START_TIMEOUT_S)

    def unacknowledged(self, queue: str) -> int:
        """Count what is in a queue, whether a consumer has taken it or not."""
        address = f"http://127.0.0.1:{self.counted_port}/api/queues/%2F"
        wanted = {"disable_stats": "true", "enable_queue_totals": "true"}
        answer = requests.get(address, params=wanted, auth=("guest", "guest"), timeout=10)
        answer.raise_for_status()
        return next(int(one["messages"]) for one in answer.json() if one["name"] == queue)

    def kill(self) -> None:
        """Kill the broker and everything it has started, and wait until it is gone."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
            wait_for(lambda: not answers(self.url), "the broker to be gone")


def server_script() -> str | None:
    """Find what starts a broker as the user that asks for it."""
    for folder in _SCRIPTS:
        if os.access(Path(folder) / "rabbitmq-server", os.X_OK):
            return str(Path(folder) / "rabbitmq-server")
    return shutil.which("rabbitmq-server")


def _missing() -> Never:
    missing(
        "RabbitMQ",
        f"install rabbitmq-server, start one on 127.0.0.1:5672 (guest, guest), or, for tests that"
        f" stop none, name one in {VARIABLE}",
    )


@contextlib.contextmanager
def new_server(settings: str = "", *, counted: bool = False) -> Iterator[RabbitServer]:
    """Give a private broker that is not started yet, and kill it at the end.

    A machine that has none to start skips the test, or fails it in CI.
    """
    script = server_script()
    if script is None:
        _missing()
    with tempfile.TemporaryDirectory(prefix="ratchet-rabbit-", ignore_cleanup_errors=True) as name:
        server = RabbitServer(script, Path(name), settings, counted=counted)
        try:
            yield server
        finally:
            server.kill()


@contextlib.contextmanager
def private_rabbit(settings: str = "", *, counted: bool = False) -> Iterator[RabbitServer]:
    """Start a private broker."""
    with new_server(settings, counted=counted) as server:
        server.start()
        yield server


@pytest.fixture(scope="session")
def rabbit_url() -> Iterator[str]:
    """Give the URL of a broker that other tests use, too."""
    named = os.environ.get(VARIABLE)
    if named or answers(_LOCAL):
        yield named or _LOCAL
        return
    with private_rabbit() as server:
        yield server.url


@pytest.fixture
def new_broker() -> Iterator[Callable[[str], Broker]]:
    """Give a function that connects to a broker by its URL, until the test ends."""
    with contextlib.ExitStack() as stack:

        def connected(url: str) -> Broker:
            return stack.enter_context(contextlib.closing(Broker(url)))

        yield connected


@pytest.fixture
def broker(rabbit_url: str, new_broker: Callable[[str], Broker]) -> Broker:
    """Give a connection to the shared broker."""
    return new_broker(rabbit_url)


@pytest.fixture
def rabbit_server() -> Iterator[RabbitServer]:
    """Give a private broker that this test alone uses, to kill and start as it likes."""
    with private_rabbit() as server:
        yield server
