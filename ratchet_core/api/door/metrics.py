"""`/metrics`: figures for Prometheus, right however many processes serve and die.

What the database knows is asked when somebody looks; what only the doors know, calls and how long
they took, is counted in memory that all processes of a server share.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from flask import Flask, Response, current_app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ratchet_core.api.door import access, call
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.domain.stats import AttemptStats, RunStats, ScheduleStats, WorkerStats
from ratchet_core.runtime.inputs import SourceView
from ratchet_core.store.reads.stats import StatsReads
from ratchet_core.telemetry.tally import Tally

_EXTENSION: Final = "ratchet.metrics"
#: Where nothing else is said: the route is unknown, or belongs to no operation.
_NO_OPERATION: Final = "none"
_STATUSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
#: Upper bounds of durations, in seconds.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: For how long what the database said is told again, in seconds.
_KEPT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Named:
    """One metric, as `docs/reference/metrics.md` lists it."""

    name: str
    kind: str  #: `counter`, `gauge` or `histogram`
    labels: tuple[str, ...]
    doc: str


#: Every metric that there is.
METRICS: Final = (
    Named("ratchet_runs", "gauge", ("state",), "Runs that are stored, by state."),
    Named("ratchet_attempts", "gauge", ("state",), "Attempts that are stored, by state."),
    Named("ratchet_steps", "gauge", ("state",), "Steps that wait or are held, by state."),
    Named("ratchet_steps_ready", "gauge", ("queue",), "Steps that wait to be claimed."),
    Named(
        "ratchet_oldest_ready_seconds",
        "gauge",
        ("queue",),
        "How long the oldest of them has waited.",
    ),
    Named(
        "ratchet_drains",
        "gauge",
        ("state",),
        "Processes that perform steps: idle, busy, or silent beyond their lease.",
    ),
    Named("ratchet_schedules", "gauge", ("state",), "Schedules: enabled, disabled, exhausted."),
    Named(
        "ratchet_input_sources",
        "gauge",
        ("source", "state"),
        "Processes that run a source: starting, healthy, failing, left out, or holding back.",
    ),
    Named(
        "ratchet_input_messages",
        "gauge",
        ("source", "outcome"),
        "Messages that living processes have taken: stored, duplicate, rejected.",
    ),
    Named(
        "ratchet_input_errors",
        "gauge",
        ("source",),
        "Times that a source has ended with an error in living processes.",
    ),
    Named(
        "ratchet_webhooks",
        "counter",
        ("source", "outcome"),
        "Webhooks that came to a source: stored, duplicate, rejected.",
    ),
    Named(
        "ratchet_http_requests",
        "counter",
        ("operation", "status"),
        "Calls that were answered, by operation of the OpenAPI document and class of status.",
    ),
    Named(
        "ratchet_http_request_duration_seconds",
        "histogram",
        ("operation",),
        "How long calls took until their answer began.",
    ),
)
_BY_NAME: Final[Mapping[str, Named]] = {metric.name: metric for metric in METRICS}
_FAMILIES: Final[Mapping[str, Callable[..., Any]]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _family(name: str) -> Any:
    metric = _BY_NAME[name]
    return _FAMILIES[metric.kind](metric.name, metric.doc, labels=metric.labels)


class HttpMetrics:
    """Counts the calls of one application.

    Args:
        operations: names of all that there are.
    """

    def __init__(self, operations: tuple[str, ...]) -> None:
        self._operations = (_NO_OPERATION, *sorted(operations))
        self._width = len(_STATUSES) + len(BUCKETS) + 2  # the last bucket, and the sum
        self._place = {name: i * self._width for i, name in enumerate(self._operations)}
        self._tally = Tally(len(self._operations) * self._width)

    def count(self, operation: str, status: int, took_s: float) -> None:
        """Count one call."""
        place = self._place.get(operation, 0)
        buckets = place + len(_STATUSES)
        self._tally.add(
            {
                place + min(max(status // 100, 1), 5) - 1: 1.0,
                buckets + bisect_left(BUCKETS, took_s): 1.0,
                place + self._width - 1: took_s,
            }
        )

    def collect(self) -> Iterator[Metric]:
        """Yield what was counted; operations that nobody called are left out."""
        requests = _family("ratchet_http_requests")
        durations = _family("ratchet_http_request_duration_seconds")
        totals = self._tally.totals()
        for operation, place in self._place.items():
            row = totals[place : place + self._width]
            counts, rest = row[: len(_STATUSES)], row[len(_STATUSES) :]
            if not any(counts):
                continue
            for status, count in zip(_STATUSES, counts, strict=True):
                if count:
                    requests.add_metric((operation, status), count)
            durations.add_metric((operation,), _cumulated(rest[:-1]), rest[-1])
        yield requests
        yield durations


def _cumulated(counts: list[float]) -> list[tuple[str, float]]:
    bounds = (*(str(bound) for bound in BUCKETS), "+Inf")
    below, buckets = 0.0, []
    for bound, count in zip(bounds, counts, strict=True):
        below += count
        buckets.append((bound, below))
    return buckets


#: What may become of a webhook.
_OUTCOMES: Final = ("stored", "duplicate", "rejected")


class WebhookMetrics:
    """Counts what became of the webhooks that came to each source.

    Args:
        sources: names of those that are configured.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._labels = [(source, outcome) for source in sources for outcome in _OUTCOMES]
        self._tally = Tally(max(1, len(self._labels)))

    def count(self, source: str, outcome: str) -> None:
        """Count one."""
        if (source, outcome) in self._labels:
            self._tally.add({self._labels.index((source, outcome)): 1.0})

    def collect(self) -> Iterator[Metric]:
        """Yield what was counted."""
        family = _family("ratchet_webhooks")
        for labels, count in zip(self._labels, self._tally.totals(), strict=False):
            family.add_metric(labels, count)
        yield family


class StoredMetrics:
    """Tells what the database knows, asking it once a second at most.

    Args:
        reads: of the figures.
        sources: tells how the sources that fetch do.
        monotonic: the time, in seconds.
    """

    def __init__(
        self,
        reads: StatsReads,
        sources: Callable[[], Sequence[SourceView]] = tuple,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads = reads
        self._sources = sources
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: tuple[Metric, ...] = ()
        self._kept_until = 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        with self._lock:
            if self._monotonic() >= self._kept_until:
                self._kept = tuple(self._ask())
                self._kept_until = self._monotonic() + _KEPT_S
            kept = self._kept
        yield from kept

    def _ask(self) -> Iterator[Metric]:
        yield from _of_runs(self._reads.runs(None))
        yield from _of_attempts(self._reads.attempts(None))
        yield from _of_workers(self._reads.workers())
        yield from _of_schedules(self._reads.schedules(None))
        yield from _of_sources(self._sources())


def _of_runs(found: RunStats) -> Iterator[Metric]:
    yield _gauge("ratchet_runs", {state.value: n for state, n in found.by_state.items()})


def _of_attempts(found: AttemptStats) -> Iterator[Metric]:
    yield _gauge("ratchet_attempts", {state.value: n for state, n in found.by_state.items()})


def _of_workers(found: WorkerStats) -> Iterator[Metric]:
    drains = {"idle": found.idle, "busy": found.busy, "silent": found.silent}
    yield _gauge("ratchet_drains", drains)
    yield _gauge("ratchet_steps", {state.value: n for state, n in found.steps.items()})
    yield _gauge("ratchet_steps_ready", {one.queue: one.ready for one in found.queues})
    oldest = {one.queue: one.oldest_ready_s for one in found.queues}
    yield _gauge("ratchet_oldest_ready_seconds", oldest)


def _of_schedules(found: ScheduleStats) -> Iterator[Metric]:
    counts = {
        "enabled": found.enabled,
        "disabled": found.disabled,
        "exhausted": found.exhausted,
    }
    yield _gauge("ratchet_schedules", counts)


def _of_sources(found: Sequence[SourceView]) -> Iterator[Metric]:
    states, messages = _family("ratchet_input_sources"), _family("ratchet_input_messages")
    errors = _family("ratchet_input_errors")
    for view in found:
        for state, count in Counter(place.state for place in view.places).items():
            states.add_metric((view.name, state), count)
        counts = {
            "stored": sum(place.messages for place in view.places),
            "duplicate": sum(place.doubles for place in view.places),
            "rejected": sum(place.rejected for place in view.places),
        }
        for outcome, count in counts.items():
            messages.add_metric((view.name, outcome), count)
        errors.add_metric((view.name,), sum(place.errors for place in view.places))
    yield from (states, messages, errors)


def _gauge(name: str, values: Mapping[str, float]) -> Metric:
    family = _family(name)
    for label, value in values.items():
        family.add_metric((label,), value)
    return cast("Metric", family)


def attach_metrics(app: Flask) -> None:
    """Count the calls of an application from now on; all its routes must be there.

    A server calls this before it forks the processes that serve.
    """
    operations = {requirement.operation for requirement in access.declared(app).values()}
    http = HttpMetrics(tuple(operations))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(http)
    ratchet = call.ratchet_of(app)
    registry.register(StoredMetrics(ratchet.reads.stats, ratchet.inputs.views))
    webhooks = WebhookMetrics(ratchet.webhooks.names)
    registry.register(webhooks)
    app.extensions[_EXTENSION] = (http, registry, webhooks)


def count_webhook(source: str, outcome: str) -> None:
    """Count what became of a webhook: `stored`, `duplicate`, `rejected`."""
    attached = current_app.extensions.get(_EXTENSION)
    if attached is not None:
        attached[2].count(source, outcome)


def count_call(status: int) -> None:
    """Count the call that is answered."""
    attached = current_app.extensions.get(_EXTENSION)
    began_at = call.began_at()
    if attached is None or began_at is None:
        return
    needs = call.requirement()
    operation = _NO_OPERATION if needs is None else needs.operation
    attached[0].count(operation, status, time.perf_counter() - began_at)


def declare_metrics(
    blueprint: DoorBlueprint, operation_id: str, spelled: str | None = None
) -> None:
    """Add `/metrics` to a blueprint.

    Args:
        blueprint: of a door.
        operation_id: unique in the document.
        spelled: how the dialect names the permission.
    """

    @blueprint.operation(
        "GET",
        "/metrics",
        operation_id,
        permission="metrics:read",
        spelled=spelled,
        answers={200: None},
        content_type="text/plain",
    )
    def metrics() -> Response:
        """Show figures for Prometheus, of all namespaces."""
        access.permit("")
        registry = current_app.extensions[_EXTENSION][1]
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
