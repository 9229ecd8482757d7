"""Traces of a running Ratchet, as a collector gets them over OTLP."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ratchet_core.config import load_settings
from ratchet_core.errors import ConfigurationError
from ratchet_core.telemetry.tracing import NO_TRACING, make_tracing
from tests.http_server import Answer, HttpServer, Received, serve
from tests.processes import ratchet_up
from tests.waiting import wait_for

DEFINITIONS = Path(__file__).parents[2] / "acceptance" / "definitions"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SECRET = "canary-input-of-a-traced-run"


@pytest.fixture
def collector() -> Iterator[HttpServer]:
    """Give a collector that takes whatever comes."""
    with serve(lambda _: Answer()) as server:
        yield server


def spans(collector: HttpServer) -> list[Span]:
    """Return what has arrived so far."""

    def of(request: Received) -> list[Span]:
        is_zipped = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if is_zipped else request.body
        sent = ExportTraceServiceRequest.FromString(body)
        return [
            span
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    return [span for request in list(collector.received) for span in of(request)]


@contextmanager
def traced(folder: Path, collector: HttpServer) -> Iterator[str]:
    """Start Ratchet with traces; give its address."""
    variables = {
        "RATCHET_PATH": str(DEFINITIONS),
        "RATCHET_WORKER_COUNT": "1",
        "RATCHET_TRACING_ENABLED": "true",
        "RATCHET_TRACING_ENDPOINT": collector.url(""),
        "OTEL_BSP_SCHEDULE_DELAY": "50",  # milliseconds; OpenTelemetry's own variable
    }
    with ratchet_up(folder, **variables) as started:
        yield started.base


def execute(base: str, name: str) -> str:
    """Run a workflow as a caller that is traced itself; return its state."""
    answer = requests.post(
        f"{base}/api/v1/tasks/{name}/execute?wait=20",
        json={"input": {"text": SECRET}},
        headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        timeout=30,
    )
    status: str = answer.json()["job"]["status"]
    return status


def test_one_trace_goes_from_the_request_through_the_queue_to_the_step(
    tmp_path: Path, collector: HttpServer
) -> None:
    with traced(tmp_path, collector) as base:
        assert execute(base, "echo") == "completed"
        assert execute(base, "crash") == "failed"
        wait_for(lambda: len(_of_trace(collector)) >= 6, "both traces to arrive")

    request, submit, attempt, _, _, broken = sorted(
        _of_trace(collector), key=lambda span: span.start_time_unix_nano
    )
    assert [request.parent_span_id.hex(), request.kind] == [CALLER, Span.SPAN_KIND_SERVER]
    assert request.name == "POST /api/v1/tasks/{task_id}/execute"
    assert [submit.parent_span_id, submit.kind] == [request.span_id, Span.SPAN_KIND_PRODUCER]
    assert [attempt.parent_span_id, attempt.kind] == [submit.span_id, Span.SPAN_KIND_CONSUMER]
    assert attempt.name.startswith("attempt default.echo@")
    assert broken.status.code == Status.STATUS_CODE_ERROR
    assert SECRET not in "".join(map(str, spans(collector)))


def _of_trace(collector: HttpServer) -> list[Span]:
    return [span for span in spans(collector) if span.trace_id.hex() == TRACE]


def test_without_the_setting_no_span_is_made(tmp_path: Path) -> None:
    settings = load_settings(None, {"RATCHET_DATA_DIR": str(tmp_path)}).settings

    assert make_tracing(settings.tracing) is NO_TRACING


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"RATCHET_DATA_DIR": str(tmp_path), "RATCHET_TRACING_ENABLED": "true"}
    settings = load_settings(None, variables).settings
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "ratchet_core.telemetry.otel", raising=False)

    with pytest.raises(ConfigurationError, match=r"pip install 'ratchet-core\[otel\]'"):
        make_tracing(settings.tracing)
