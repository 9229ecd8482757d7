"""acceptance.md: limits, admission, health, metrics, pages, headers, over HTTP."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from requests.adapters import HTTPAdapter

from tests.acceptance.conftest import DEFINITIONS
from tests.acceptance.locked import Locked, token
from tests.processes import Running, environment, running
from tests.servers import RedisServer, free_port, private_redis
from tests.waiting import wait_for

PROCESSES = 3
BURST = 5


class From(HTTPAdapter):
    """Calls from an address of this machine, each time over a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


@dataclass
class Served:
    """A running `ratchet serve` without workers."""

    started: Running
    redis: RedisServer

    def client(self, address: str) -> requests.Session:
        session = requests.Session()
        session.headers["Connection"] = "close"
        session.mount("http://", From(address))
        return session

    def get(self, path: str, **options: Any) -> requests.Response:
        headers = {"Connection": "close"}
        return requests.get(self.started.base + path, headers=headers, timeout=30, **options)


def _answers(base: str) -> bool:
    with contextlib.suppress(requests.ConnectionError, requests.Timeout):
        return requests.get(f"{base}/health/ready", timeout=2).ok
    return False


@contextlib.contextmanager
def serve(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    """Start `ratchet serve` on a free port; give it once it is ready."""
    port = free_port()
    env = environment(
        folder, RATCHET_SERVER_PORT=str(port), RATCHET_PATH=str(DEFINITIONS), **variables
    )
    with running(["serve", *arguments], folder, env, log="serve.log") as started:
        started.base = f"http://127.0.0.1:{port}"
        wait_for(lambda: _answers(started.base), "`ratchet serve` to be ready", timeout_s=60)
        yield started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a server of several processes with limits that a test can reach."""
    with private_redis() as redis:
        assert redis is not None
        with serve(
            tmp_path_factory.mktemp("served"),
            "--processes",
            str(PROCESSES),
            RATCHET_REDIS_URL=redis.url,
            RATCHET_RATE_LIMIT_REQUESTS_PER_MINUTE="60",
            RATCHET_RATE_LIMIT_BURST_SIZE=str(BURST),
            RATCHET_RATE_LIMIT_TASKER_REQUESTS_PER_MINUTE="100",
            RATCHET_DEVELOPMENT_ENABLE_DEBUG_ENDPOINTS="true",
        ) as started:
            yield Served(started, redis)


def test_ratchet_105_who_waits_as_long_as_he_is_told_is_served(served: Served) -> None:
    client = served.client("127.0.0.2")
    url = f"{served.started.base}/api/v1/tasks"

    answers = [client.get(url, timeout=10) for _ in range(BURST + 4)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    told_at = time.monotonic()
    wait_s = int(refused.headers["Retry-After"])
    wait_for(lambda: time.monotonic() - told_at >= wait_s, "the time that we were told")
    after = client.get(url, timeout=10)

    assert [answer.status_code for answer in answers[:BURST]] == [200] * BURST
    assert wait_s >= 1
    error = refused.json()["error"]
    assert error["retry_after"] == error["retryAfter"] == wait_s
    assert error["type"] == "RateLimitError"
    assert after.status_code == 200
    client.close()


def test_ratchet_106_all_processes_and_both_doors_count_together(served: Served) -> None:
    client = served.client("127.0.0.3")
    base = served.started.base
    body = {"query": "{ __typename }"}

    started = time.monotonic()
    codes = []
    for _ in range(10):
        codes.append(client.get(f"{base}/api/v1/jobs", timeout=10).status_code)
        codes.append(client.post(f"{base}/graphql", json=body, timeout=10).status_code)
    took_s = time.monotonic() - started

    assert set(codes) == {200, 429}
    assert codes.count(200) <= BURST + took_s + 1  # one comes back each second
    client.close()


def test_ratchet_106_clients_at_other_addresses_are_not_held_up(served: Served) -> None:
    greedy, modest = served.client("127.0.0.4"), served.client("127.0.0.5")
    url = f"{served.started.base}/api/v1/tasks"

    codes = [greedy.get(url, timeout=10).status_code for _ in range(BURST + 4)]

    assert 429 in codes
    assert modest.get(url, timeout=10).status_code == 200
    for client in (greedy, modest):
        client.close()


def test_tasker_054_the_mount_takes_a_hundred_a_minute_from_one_address(served: Served) -> None:
    client = served.client("127.0.0.6")
    client.headers["Connection"] = "keep-alive"
    url = f"{served.started.base}/tasker/handlers"

    started = time.monotonic()
    answers: list[requests.Response] = []
    while not answers or (answers[-1].ok and len(answers) < 1000):
        answers.append(client.get(url, timeout=10))
    took_s = time.monotonic() - started

    assert answers[-1].status_code == 429
    assert 100 <= len(answers) - 1 <= 100 + took_s * 100 / 60 + 1
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert set(answers[-1].json()["error"]) == {"type", "message", "code"}
    assert client.get(f"{served.started.base}/api/v1/tasks", timeout=10).status_code == 200
    client.close()


def test_ratchet_105_callers_are_told_apart_by_who_they_are(tmp_path: Path) -> None:
    variables = {
        "RATCHET_JWT_SECRET": "canary-jwt-secret-0123456789-0123456789",
        "RATCHET_RATE_LIMIT_REQUESTS_PER_MINUTE": "2",
    }
    with serve(tmp_path, **variables) as started:
        url = f"{started.base}/api/v1/tasks"

        def codes(subject: str | None, count: int = 4) -> list[int]:
            headers = {} if subject is None else {"Authorization": f"Bearer {token(subject)}"}
            return [
                requests.get(url, headers=headers, timeout=10).status_code for _ in range(count)
            ]

        alice, bob, nobody = codes("alice"), codes("bob"), codes(None)

    assert alice == bob == [200, 200, 429, 429]
    assert nobody == [401, 401, 429, 429]


def _samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_ratchet_098_metrics_are_right_over_processes_and_their_deaths(served: Served) -> None:
    name = ("ratchet_http_requests_total", "2xx,getLiveness")
    before = _samples(served.get("/metrics").text).get(name, 0)

    for _ in range(40):
        assert served.get("/health/live").ok
    children = served.started.children()
    workers = [child for child in children if child.ppid() == served.started.process.pid]
    workers[0].send_signal(signal.SIGKILL)
    wait_for(
        lambda: (
            not psutil.pid_exists(workers[0].pid)
            and len(psutil.Process(served.started.process.pid).children()) >= PROCESSES
        ),
        "the process to be replaced",
    )
    for _ in range(20):
        wait_for(lambda: _alive(served), "an answer")

    assert len(workers) >= PROCESSES
    looks = {_samples(served.get("/metrics").text)[name] for _ in range(10)}
    assert looks == {before + 60}


def _alive(served: Served) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return served.get("/health/live").ok
    return False


def test_tasker_068_the_backlog_is_told_at_both_doors(served: Served) -> None:
    client = served.client("127.0.0.7")
    made = client.post(f"{served.started.base}/api/v1/tasks/echo/execute", json={}, timeout=10)
    assert made.status_code == 202

    def look(path: str) -> dict[tuple[str, str], float] | None:
        seen = _samples(client.get(served.started.base + path, timeout=10).text)
        return seen if seen.get(("ratchet_steps_ready", "default"), 0) >= 1 else None

    for path in ("/metrics", "/tasker/metrics"):  # each process looks once a second at most
        seen = wait_for(partial(look, path), f"the step to be told of at {path}")
        assert seen["ratchet_runs", "pending"] >= 1
        assert seen["ratchet_oldest_ready_seconds", "default"] >= 0
    client.close()


def test_ratchet_098_health_tells_of_each_part(served: Served) -> None:
    plain, detailed = served.get("/health").json(), served.get("/health/detailed").json()

    assert plain["status"] == "healthy"
    assert set(plain["checks"]) >= {"database", "redis"}
    assert detailed["status"] == "degraded"  # nobody performs steps here
    assert detailed["checks"]["workers"]["alive"] == 0
    assert detailed["checks"]["registry"]["workflows"] > 0


@pytest.mark.parametrize("name", ["config", "workers", "queue", "errors?limit=50"])
def test_ratchet_113_debug_endpoints_answer(served: Served, name: str) -> None:
    assert served.get(f"/debug/{name}").status_code == 200


def test_ratchet_113_debug_endpoints_are_closed_to_callers_by_the_host_name(
    served: Served,
) -> None:
    answer = requests.get(
        f"{served.started.base}/debug/config", headers={"Host": "elsewhere.example"}, timeout=10
    )

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/tasker/api-docs", "/docs"])
def test_tasker_055_swagger_ui_comes_from_here_alone(served: Served, path: str) -> None:
    client = served.client("127.0.0.8")
    page = client.get(served.started.base + path, timeout=10)

    assert page.headers["Content-Type"].startswith("text/html")
    assert "://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "swagger.js"):
        assert client.get(f"{served.started.base}{path}/{name}", timeout=10).ok
    client.close()


def test_ratchet_105_without_redis_requests_are_served_at_once(served: Served) -> None:
    client = served.client("127.0.0.9")
    url = f"{served.started.base}/api/v1/tasks"
    client.get(url, timeout=10)
    served.redis.kill()
    try:
        started = time.monotonic()
        codes = [client.get(url, timeout=10).status_code for _ in range(3)]
        took_s = time.monotonic() - started
    finally:
        served.redis.start()
        client.close()

    assert codes == [200, 200, 200]
    assert took_s < 5


def test_ratchet_105_a_backlog_that_is_too_old_refuses_new_jobs_until_it_is_gone(
    tmp_path: Path,
) -> None:
    with serve(tmp_path, RATCHET_LIMITS_MAX_READY_AGE_S="0.5") as started:
        url = f"{started.base}/api/v1/tasks/echo/execute"

        def submit() -> requests.Response:
            return requests.post(url, json={}, timeout=10)

        assert submit().status_code == 202
        (refused,) = wait_for(  # an answer that refuses is falsy
            lambda: (answer,) if (answer := submit()).status_code == 429 else None, "a refusal"
        )
        batch = requests.post(
            f"{started.base}/api/v1/jobs/batch", json={"jobs": [{"task_id": "echo"}]}, timeout=10
        )
        env = {**environment(tmp_path), "RATCHET_PATH": str(DEFINITIONS)}
        with running(["worker"], tmp_path, env, log="worker.log"):
            wait_for(lambda: submit().status_code == 202, "the backlog to be gone", timeout_s=40)

    assert refused.json()["error"]["code"] == "OVERLOADED"
    assert int(refused.headers["Retry-After"]) >= 1
    assert batch.status_code == 429


def test_ratchet_098_metrics_and_debugging_ask_who_calls(locked: Locked, admin: str) -> None:
    viewer, nobody = token("v", roles=["viewer"]), token("n", roles=[])
    limited = token("l", roles=["viewer@payments"])

    assert locked.call("GET", "/metrics").status_code == 401
    assert locked.call("GET", "/metrics", nobody).status_code == 403
    assert locked.call("GET", "/metrics", limited).status_code == 403
    assert locked.call("GET", "/metrics", viewer).status_code == 200
    assert locked.call("GET", "/tasker/metrics", viewer).status_code == 200
    assert locked.call("GET", "/health/detailed", viewer).status_code == 200
    assert locked.call("GET", "/health/live").status_code == 200
    assert locked.call("GET", "/debug/config", admin).status_code == 404
