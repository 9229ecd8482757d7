"""Spans made by OpenTelemetry; imported only where tracing is switched on.

An application that has set a tracer provider of its own keeps it, and gets our spans too. Else
ours is set, so that spans which step handlers make themselves go the same way. It starts with the
first span of a process: parents of workers make none, and so have no thread when they fork.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import ratchet_core
from ratchet_core.telemetry.tracing import Attributes, Span, SpanKind, TracingPlan

_log = logging.getLogger(__name__)

_KINDS: Final = {
    SpanKind.REQUEST: trace.SpanKind.SERVER,
    SpanKind.SUBMIT: trace.SpanKind.PRODUCER,
    SpanKind.ATTEMPT: trace.SpanKind.CONSUMER,
}
_PATH: Final = "/v1/traces"
_FLUSH_MS: Final = 3_000
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class OtelSpan:
    """One span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        """Add what became known meanwhile."""
        self._span.set_attributes(attributes)

    def fail(self, error_type: str) -> None:
        """Say that it failed, and as what."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR, error_type)

    @property
    def ids(self) -> Mapping[str, str]:
        """`trace_id` and `span_id` for log lines."""
        context = self._span.get_span_context()
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }


class OtelTracing:
    """Makes spans, and sends them to a collector over OTLP.

    Args:
        plan: from the settings.
    """

    is_on = True

    def __init__(self, plan: TracingPlan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._tracer: trace.Tracer | None = None

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Attributes, parent: str | None = None
    ) -> Iterator[Span]:
        """Make a span of what the `with` block does; see `Tracing.span`."""
        with self._made().start_as_current_span(
            name,
            context=_context_of(parent),
            kind=_KINDS[kind],
            attributes=attributes,
            record_exception=False,  # its message may hold what must not leave
            set_status_on_exception=False,
        ) as span:
            made = OtelSpan(span)
            try:
                yield made
            except BaseException as error:
                made.fail(type(error).__name__)
                raise

    def traceparent(self) -> str | None:
        """Return what names the span that surrounds the caller."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def flush(self) -> None:
        """Send what waits to be sent."""
        provider = trace.get_tracer_provider()
        if self._tracer is None or not isinstance(provider, TracerProvider):
            return
        try:
            provider.force_flush(_FLUSH_MS)
        except Exception:  # noqa: BLE001 - a collector that is away must not end what worked
            _log.warning("spans could not be sent", exc_info=True)

    def _made(self) -> trace.Tracer:
        with self._lock:
            if self._tracer is None:
                if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
                    trace.set_tracer_provider(_provider(self._plan))
                self._tracer = trace.get_tracer("ratchet_core", ratchet_core.__version__)
            return self._tracer


def _context_of(parent: str | None) -> Context | None:
    return None if parent is None else _PROPAGATOR.extract({"traceparent": parent})


def _provider(plan: TracingPlan) -> TracerProvider:
    endpoint = plan.endpoint.rstrip("/")
    if endpoint and not endpoint.endswith(_PATH):
        endpoint += _PATH
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(plan.sample_ratio)),
        resource=Resource.create(
            {SERVICE_NAME: plan.service_name, SERVICE_VERSION: ratchet_core.__version__}
        ),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint or None)))
    return provider
