from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from ratchet_core.api.door.metrics import BUCKETS, METRICS, HttpMetrics, StoredMetrics
from ratchet_core.app import create_app
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.MULTILINE)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def client(ratchet: Ratchet) -> FlaskClient:
    """Give a client of an application that has counted nothing yet."""
    return create_app(ratchet).test_client()


def _samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _look(client: FlaskClient, path: str = "/metrics") -> Samples:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return _samples(answer.text)


def test_the_reference_lists_every_metric_and_no_other() -> None:
    listed = {name: rest for name, *rest in ROW.findall(REFERENCE.read_text(encoding="utf-8"))}

    assert listed == {
        metric.name + ("_total" if metric.kind == "counter" else ""): [
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.doc,
        ]
        for metric in METRICS
    }


def test_every_metric_that_is_shown_is_listed(client: FlaskClient) -> None:
    client.post("/api/v1/tasks/echo/execute", json={})
    client.get("/api/v1/tasks")

    families = {
        family.name for family in text_string_to_metric_families(client.get("/metrics").text)
    }

    assert families == {metric.name for metric in METRICS}


def test_ratchet_098_calls_are_counted_by_operation_and_status(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/api/v1/tasks")
    client.get("/api/v1/tasks/absent")
    client.get("/nope")

    seen = _look(client)

    name = "ratchet_http_requests_total"
    assert seen[name, (("operation", "listTasks"), ("status", "2xx"))] == 3
    assert seen[name, (("operation", "getTask"), ("status", "4xx"))] == 1
    assert seen[name, (("operation", "none"), ("status", "4xx"))] == 1
    count = "ratchet_http_request_duration_seconds_count"
    assert seen[count, (("operation", "listTasks"),)] == 3


def test_tasker_068_what_is_stored_and_waits_is_told(ratchet: Ratchet) -> None:
    clock = iter(range(0, 1000, 2))
    stored = StoredMetrics(ratchet.reads.stats, monotonic=lambda: next(clock))
    client = create_app(ratchet).test_client()

    before = _told(stored)
    assert client.post("/api/v1/tasks/echo/execute", json={}).status_code == 202
    after = _told(stored)

    pending = ("ratchet_runs", "pending")
    ready = ("ratchet_steps_ready", "default")
    assert after[pending] == before[pending] + 1
    assert after[ready] == before.get(ready, 0) + 1
    assert after["ratchet_oldest_ready_seconds", "default"] >= 0
    assert after["ratchet_drains", "idle"] == before["ratchet_drains", "idle"]


def test_the_database_is_asked_once_a_second_at_most(ratchet: Ratchet) -> None:
    stored = StoredMetrics(ratchet.reads.stats, monotonic=lambda: 1.0)

    assert [id(one) for one in stored.collect()] == [id(one) for one in stored.collect()]


def _told(stored: StoredMetrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()))): sample.value
        for family in stored.collect()
        for sample in family.samples
    }


def test_durations_fall_into_cumulated_buckets() -> None:
    metrics = HttpMetrics(("one",))
    for took_s in (0.001, 0.005, 0.3, 99.0):
        metrics.count("one", 200, took_s)

    _, durations = metrics.collect()
    buckets = {s.labels["le"]: s.value for s in durations.samples if s.name.endswith("_bucket")}

    assert list(buckets) == [*(str(bound) for bound in BUCKETS), "+Inf"]
    assert (buckets["0.005"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (2, 2, 3, 4)
    assert next(s.value for s in durations.samples if s.name.endswith("_sum")) == 99.306


@pytest.mark.parametrize("status", [0, 99, 101, 204, 304, 451, 503, 999])
def test_a_status_that_nobody_knows_breaks_nothing(status: int) -> None:
    metrics = HttpMetrics(("one",))

    metrics.count("unheard-of", status, 0.1)

    assert sum(1 for family in metrics.collect() for _ in family.samples) > 2


def test_a_mounted_door_has_the_metrics_too(ratchet: Ratchet) -> None:
    host = Flask("host")
    host.add_url_rule("/", "home", lambda: "shop")
    Extension(ratchet, host, tasker_prefix="/wf")
    client = host.test_client()
    client.get("/wf/handlers")
    client.get("/")

    seen = _look(client, "/wf/metrics")

    calls = {key[1]: value for key, value in seen.items() if key[0].endswith("requests_total")}
    assert calls == {(("operation", "listNamespaces"), ("status", "2xx")): 1.0}
