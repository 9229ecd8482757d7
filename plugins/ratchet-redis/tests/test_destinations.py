"""Outputs as RQ jobs and stream entries, on a real server and with a plain RQ worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis import Redis

from ratchet_core.sdk import Delivered, DeliveryFailed, DeliveryView, RunInfo
from ratchet_redis import RqDestination, StreamDestination

Make = Callable[..., DeliveryView]
RECEIVER = """\
from pathlib import Path

def receive(output):
    Path({path!r}).write_text(repr(output))
"""


@pytest.fixture
def delivery(redis_url: str) -> Make:
    def make(options: Mapping[str, Any], **fields: Any) -> DeliveryView:
        given = {
            "id": "0190-delivery",
            "attempt": 1,
            "destination": "d",
            "run": RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
            "state": "completed",
            "body": b'{"total":42}',
            "variables": {},
            "created_at": datetime.now(UTC),
            "deadline": time.monotonic() + 10,
        }
        return DeliveryView(options={"url": redis_url, **options}, **{**given, **fields})

    return make


def test_a_plain_rq_worker_reads_the_job(delivery: Make, redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "received"
    (tmp_path / "receiver_jobs.py").write_text(RECEIVER.format(path=str(path)), encoding="utf-8")
    destination = RqDestination()
    options = {"queue": "reports", "function": "receiver_jobs.receive"}

    for _ in range(2):  # the second attempt finds that the first one arrived
        outcome = destination.deliver(delivery(options))
        assert isinstance(outcome, Delivered)
    destination.close()

    rq = str(Path(sys.executable).with_name("rq"))
    serializer = ["-S", "rq.serializers.JSONSerializer"]
    command = [rq, "worker", "reports", "--burst", "--url", redis_url, *serializer]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert path.read_text(encoding="utf-8") == "{'total': 42}"
    assert ended.stderr.count("Job OK") + ended.stdout.count("Job OK") == 1


def test_an_output_becomes_one_entry_of_the_stream(delivery: Make, redis_url: str) -> None:
    destination = StreamDestination()

    outcomes = [destination.deliver(delivery({"stream": "outputs"})) for _ in range(2)]
    destination.close()

    with Redis.from_url(redis_url) as server:
        [(key, entry)] = server.xrange("outputs")
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], Delivered)
    assert outcomes[0].details["entry_id"] == key.decode()
    assert orjson.loads(entry[b"body"]) == {"total": 42}
    assert entry[b"run_id"] == b"run-1"


def test_a_stream_may_be_trimmed(delivery: Make, redis_url: str) -> None:
    destination = StreamDestination()
    for number in range(500):
        options = {"stream": "short", "max_length": 100}
        destination.deliver(delivery(options, id=f"delivery-{number}"))
    destination.close()

    with Redis.from_url(redis_url) as server:
        assert 100 <= server.xlen("short") < 400


def test_a_key_of_another_type_is_no_use_trying_again(delivery: Make, redis_url: str) -> None:
    with Redis.from_url(redis_url) as server:
        server.set("taken", "text")
    destination = StreamDestination()

    outcome = destination.deliver(delivery({"stream": "taken"}))
    destination.close()

    assert isinstance(outcome, DeliveryFailed)
    assert not outcome.retryable


def test_a_server_that_is_away_is_tried_again_and_its_password_kept(delivery: Make) -> None:
    destination = StreamDestination()

    outcome = destination.deliver(
        delivery({"url": "redis://:hunter22@127.0.0.1:1", "stream": "outputs"})
    )
    destination.close()

    assert isinstance(outcome, DeliveryFailed)
    assert outcome.retryable
    assert "hunter22" not in outcome.message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "url: is missing"),
        ({"url": "http://x", "stream": "s"}, "url: must start with redis://"),
        ({"url": "redis://x", "strean": "s"}, "strean: unknown key; did you mean 'stream'?"),
        ({"url": "redis://x", "stream": "s", "max_length": 0}, "max_length: must be an integer"),
    ],
)
def test_wrong_options_are_named(options: Mapping[str, Any], problem: str) -> None:
    assert problem in "; ".join(StreamDestination().check(options))
