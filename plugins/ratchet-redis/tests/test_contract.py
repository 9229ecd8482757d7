"""The promises of output destinations and input sources, kept by this plugin on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import pytest
from redis import Redis
from redis.exceptions import ResponseError
from rq.job import Job
from rq.serializers import JSONSerializer

from ratchet_core.sdk import InputSource, OutputDestination
from ratchet_core.testing import InputSourceContract, OutputDestinationContract
from ratchet_redis import RqDestination, StreamDestination, StreamSource

PASSWORD = "hunter22-of-the-test"
AWAY = f"redis://:{PASSWORD}@127.0.0.1:1"


@pytest.fixture
def server(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


class TestStreamDestination(OutputDestinationContract):
    drops_doubles = True

    @pytest.fixture
    def destination(self) -> Iterator[OutputDestination]:
        made = StreamDestination()
        yield made
        made.close()

    @pytest.fixture
    def good_options(self, redis_url: str) -> Mapping[str, Any]:
        return {"url": redis_url, "stream": "outputs", "secret": PASSWORD}

    @pytest.fixture
    def received(self, server: Redis) -> Any:
        entries: Callable[[], Any] = lambda: server.xrange("outputs")  # noqa: E731 - typed for mypy
        return lambda: [orjson.loads(fields[b"body"]) for _, fields in entries()]

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        url = "redis://host"
        return [
            {},
            {"url": "http://x", "stream": "s"},
            {"url": url, "stream": "s", "max_length": 0},
        ]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": AWAY, "stream": "outputs"}

    @pytest.fixture
    def refusing_options(self, redis_url: str, server: Redis) -> Mapping[str, Any]:
        server.set("taken", "text")
        return {"url": redis_url, "stream": "taken"}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]


class TestRqDestination(OutputDestinationContract):
    drops_doubles = True

    @pytest.fixture
    def destination(self) -> Iterator[OutputDestination]:
        made = RqDestination()
        yield made
        made.close()

    @pytest.fixture
    def good_options(self, redis_url: str) -> Mapping[str, Any]:
        return {"url": redis_url, "queue": "reports", "function": "jobs.receive"}

    @pytest.fixture
    def received(self, server: Redis) -> Any:
        def jobs() -> list[Any]:
            waiting: Any = server.lrange("rq:queue:reports", 0, -1)
            names = [name.decode() for name in waiting]
            found = Job.fetch_many(names, connection=server, serializer=JSONSerializer)
            return [job.args[0] for job in found if job is not None]

        return jobs

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"url": "redis://host", "queue": "q"}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": AWAY, "queue": "reports", "function": "jobs.receive"}


class TestStreamSource(InputSourceContract):
    @pytest.fixture
    def source_type(self) -> type[InputSource]:
        return StreamSource

    @pytest.fixture
    def good_options(self, redis_url: str) -> Mapping[str, Any]:
        return {"url": redis_url, "stream": "orders", "claim_idle_seconds": 0.2}

    @pytest.fixture
    def put(self, server: Redis) -> Callable[[Any], None]:
        def put(value: Any) -> None:
            server.xadd("orders", {"body": orjson.dumps(value)})

        return put

    @pytest.fixture
    def pending(self, server: Redis) -> Callable[[], int]:
        def pending() -> int:
            try:
                groups: Any = server.xinfo_groups("orders")
            except ResponseError:  # nobody has written or read yet
                return 0
            if not groups:
                return int(server.xlen("orders"))
            return int(groups[0]["pending"]) + int(groups[0]["lag"] or 0)

        return pending

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"url": "http://x", "stream": "s"}, {"url": "redis://x", "stream": "s", "b": 1}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"url": AWAY, "stream": "orders"}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]
