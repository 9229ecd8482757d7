"""Traces: spans from a request through the queue to its steps, where somebody collects them.

What is here costs nothing and needs no package; `otel` makes real spans, with the packages of the
extra `ratchet-core[otel]`. A span says what was done, to which ids, and how it ended: never an
input, a result or the message of an error.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Final, Protocol, Self

from ratchet_core.errors import ConfigurationError

#: Ids, names and numbers; values that a collector can search for.
Attributes = Mapping[str, str | int | float | bool]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class SpanKind(StrEnum):
    """What part in a conversation a span tells of."""

    REQUEST = "request"  #: a call that somebody made to us
    SUBMIT = "submit"  #: what puts work into the queue
    ATTEMPT = "attempt"  #: what takes work from the queue


class TracingPlan(Protocol):
    """Whether spans are made, and where they go."""

    @property
    def enabled(self) -> bool:
        """Whether spans are made."""

    @property
    def endpoint(self) -> str:
        """Base URL of the collector; empty: what OpenTelemetry's own variables say."""

    @property
    def service_name(self) -> str:
        """Name of the service in the traces."""

    @property
    def sample_ratio(self) -> float:
        """Part of the traces that begin here and are collected, from 0 to 1."""


class Span(Protocol):
    """One thing that is being done."""

    def tell(self, attributes: Attributes) -> None:
        """Add what became known meanwhile."""

    def fail(self, error_type: str) -> None:
        """Say that it failed, and as what."""

    @property
    def ids(self) -> Mapping[str, str]:
        """`trace_id` and `span_id` for log lines; empty where there is no span."""


class Tracing(Protocol):
    """Makes spans."""

    @property
    def is_on(self) -> bool:
        """Whether spans are made; where they are not, callers need not gather attributes."""

    def span(
        self, name: str, kind: SpanKind, attributes: Attributes, parent: str | None = None
    ) -> AbstractContextManager[Span]:
        """Make a span of what the `with` block does; spans that begin inside are its children.

        Args:
            name: few different ones; ids belong into the attributes.
            kind: the part that it plays.
            attributes: what is known already.
            parent: `traceparent` of what led to it, as W3C Trace Context writes it; None, or one
                that cannot be read: the span that surrounds it, if any.
        """

    def traceparent(self) -> str | None:
        """Return what names the span that surrounds the caller; None where there is none."""

    def flush(self) -> None:
        """Send what waits to be sent, within a few seconds; never raises."""


class NoTracing:
    """Makes no spans; both a `Tracing` and the only `Span` that it hands out."""

    is_on = False
    ids = _NOTHING

    def span(
        self, name: str, kind: SpanKind, attributes: Attributes, parent: str | None = None
    ) -> NoTracing:
        """Make nothing."""
        return self

    def traceparent(self) -> None:
        """Name nothing."""

    def flush(self) -> None:
        """Send nothing."""

    def tell(self, attributes: Attributes) -> None:
        """Forget it."""

    def fail(self, error_type: str) -> None:
        """Forget it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


NO_TRACING: Final = NoTracing()


def make_tracing(plan: TracingPlan) -> Tracing:
    """Return what makes spans as the plan says; starts and opens nothing yet.

    Raises:
        ConfigurationError: traces are asked for, and the packages for them are not installed.
    """
    if not plan.enabled:
        return NO_TRACING
    try:
        otel = importlib.import_module("ratchet_core.telemetry.otel")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"tracing.enabled: the package of '{error.name}' is not installed; run"
            " `pip install 'ratchet-core[otel]'`, or switch tracing off"
        ) from None
    made: Tracing = otel.OtelTracing(plan)
    return made
