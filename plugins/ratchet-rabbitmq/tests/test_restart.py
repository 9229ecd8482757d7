"""Each message makes one run, though the broker and the ingester are killed meanwhile."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from ingesting import Site

from tests.rabbitmq import Broker, RabbitServer
from tests.waiting import wait_for


@pytest.mark.timeout(300)
def test_each_message_makes_one_run_though_the_broker_and_the_ingester_are_killed(
    tmp_path: Path, rabbit_server: RabbitServer, new_broker: Callable[[str], Broker]
) -> None:
    queue = "orders"
    options = {"url": rabbit_server.url, "queue": queue, "declare": "classic", "prefetch": 20}
    site = Site(tmp_path, options)
    with contextlib.closing(site.runtime), site.ingester("one.log") as first:
        wait_for(lambda: site.state() == "healthy", "the source to connect", timeout_s=60)
        before = new_broker(rabbit_server.url)
        before.send_numbered(queue, range(300))
        wait_for(lambda: site.count() >= 100, "the first runs", timeout_s=60)

        rabbit_server.kill()
        wait_for(lambda: site.state() == "failing", "the source to notice")
        rabbit_server.start()
        after = new_broker(rabbit_server.url)
        after.send_numbered(queue, range(300, 400))
        wait_for(lambda: site.count() >= 320, "more runs", timeout_s=60)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        after.send_numbered(queue, range(400, 500))

        with site.ingester("two.log") as second:
            wait_for(lambda: site.count() >= 500, "all runs", timeout_s=60)
            wait_for(lambda: site.state() == "healthy", "the source to be well")
            assert second.stop() == 0

        assert after.count(queue) == 0  # every message was acknowledged: none has come back
        messages = [given["message"] for given in site.inputs()]
        assert sorted(messages) == sorted(f'{{"n":{number}}}' for number in range(500))
        assert "Traceback" not in first.text() + second.text()
