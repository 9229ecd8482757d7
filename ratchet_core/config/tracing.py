"""Settings of traces.

Only declarations; what a span says is `telemetry`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass

from ratchet_core.config.setting import setting


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Whether spans are made of requests, submissions and attempts, and where they go."""

    enabled: bool = setting(
        "Whether spans are made; needs `pip install 'ratchet-core[otel]'`.",
        "tracing.enabled",
        default=False,
    )
    endpoint: str = setting(
        "Base URL of the collector, which takes OTLP over HTTP; empty: what"
        " `OTEL_EXPORTER_OTLP_ENDPOINT` says, else `http://localhost:4318`. Credentials go into"
        " `OTEL_EXPORTER_OTLP_HEADERS`.",
        "tracing.endpoint",
        default="",
    )
    service_name: str = setting(
        "Name of this service in the traces.",
        "tracing.service_name",
        default="ratchet",
    )
    sample_ratio: float = setting(
        "Part of the traces that begin here and are collected; a caller's own decision comes with"
        " its `traceparent` and wins.",
        "tracing.sample_ratio",
        default=1.0,
        at_least=0,
        at_most=1,
    )
