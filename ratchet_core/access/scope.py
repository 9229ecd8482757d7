"""What is stored, as far as one caller may see it: other namespaces do not exist for that caller.

A list is narrowed in the query itself; an object of another namespace is answered exactly as one
that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ratchet_core.access.gate import Access
from ratchet_core.domain.analytics import AnalyticsQuery, Bottlenecks, Trend
from ratchet_core.domain.delivery import DeliveryAttemptView, DeliveryQuery, DeliveryView
from ratchet_core.domain.log import LogPage, LogQuery, LogView
from ratchet_core.domain.query import (
    AttemptQuery,
    Order,
    RunQuery,
    ScheduleQuery,
    Window,
    WorkflowQuery,
)
from ratchet_core.domain.stats import (
    AttemptStats,
    RunStats,
    ScheduleStats,
    WorkerStats,
    WorkflowStats,
)
from ratchet_core.domain.views import (
    AnnotationView,
    AttemptView,
    DrainView,
    EventView,
    NamespaceView,
    Page,
    PauseView,
    RunView,
    ScheduleView,
    StepView,
    TrailEntryView,
    WorkflowView,
)
from ratchet_core.domain.why import Why
from ratchet_core.errors import (
    AttemptNotFound,
    DeliveryNotFound,
    NamespaceNotFound,
    RunNotFound,
    ScheduleNotFound,
    WorkflowNotFound,
)
from ratchet_core.sdk.authentication import Principal
from ratchet_core.store.reads import Reads


class ScopedReads:
    """The questions of `Reads`, answered for one caller.

    Args:
        reads: over everything.
        access: decides what may be seen.
        principal: the caller; None while authentication is off, and then everything is seen.
        permission: that the call itself needs, such as `run:cancel`: whoever may cancel a run may
            see it.
    """

    def __init__(
        self, reads: Reads, access: Access, principal: Principal | None, permission: str | None
    ) -> None:
        self._reads = reads
        self._access = access
        self._principal = principal
        self._permission = permission

    def sees(self, namespace: str, resource: str = "run") -> bool:
        """Tell whether the caller may see things of that kind in a namespace."""
        return any(
            self._access.allows(self._principal, permission, namespace)
            for permission in self._permissions(resource)
        )

    def visible(self, resource: str = "run") -> tuple[str, ...] | None:
        """Return the namespaces whose things of that kind the caller may see; None: all."""
        return self._access.visible(self._principal, *self._permissions(resource))

    def run(self, run_id: str) -> RunView:
        """Return one run.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        run = self._reads.run(run_id)
        if not self.sees(run.namespace):
            raise RunNotFound(run_id)
        return run

    def why(self, run_id: str) -> Why:
        """Return why a run is not running or not finished, and what would change that.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        why = self._reads.why(run_id)
        if not self.sees(why.run.namespace):
            raise RunNotFound(run_id)
        return why

    def runs(self, query: RunQuery, window: Window) -> Page[RunView]:
        """Return a part of the list of runs."""
        return self._reads.runs(replace(query, namespaces=self.visible()), window)

    def steps(self, run_id: str) -> tuple[StepView, ...]:
        """Return the steps of a run in definition order.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        self._see_run(run_id)
        return self._reads.steps(run_id)

    def steps_of(self, run_ids: Sequence[str]) -> dict[str, tuple[StepView, ...]]:
        """Return the steps of several runs, in definition order.

        Raises:
            RunNotFound: one of them does not exist, or the caller may not know of it.
        """
        known = self._reads.runs_by_id(run_ids) if self._access.is_on else {}
        for run_id in run_ids if self._access.is_on else ():
            if run_id not in known or not self.sees(known[run_id].namespace):
                raise RunNotFound(run_id)
        return self._reads.steps_of(run_ids)

    def events(self, run_id: str, after: int = 0, limit: int = 100) -> tuple[EventView, ...]:
        """Return entries of a run's journal after a sequence number, oldest first.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        self._see_run(run_id)
        return self._reads.events(run_id, after, limit)

    def annotations(self, run_id: str) -> tuple[AnnotationView, ...]:
        """Return what was noted about a run, oldest first.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        self.run(run_id)
        return self._reads.annotations(run_id)

    def trail(self, run_id: str, after: int, limit: int) -> tuple[TrailEntryView, ...]:
        """Return a part of a run's audit trail after a sequence number, oldest first.

        Raises:
            RunNotFound: no such run, or none that the caller may know of.
        """
        self.run(run_id)
        return self._reads.trail(run_id, after, limit)

    def attempt(self, attempt_id: str) -> AttemptView:
        """Return one attempt.

        Raises:
            AttemptNotFound: no such attempt, or none that the caller may know of.
        """
        attempt = self._reads.attempt(attempt_id)
        if not self.sees(attempt.namespace):
            raise AttemptNotFound(attempt_id)
        return attempt

    def attempts(self, query: AttemptQuery, window: Window) -> Page[AttemptView]:
        """Return a part of the list of attempts."""
        return self._reads.attempts(replace(query, namespaces=self.visible()), window)

    def logs(
        self, query: LogQuery, limit: int, *, order: Order = "asc", cursor: str | None = None
    ) -> LogPage:
        """Return a part of what attempts have logged."""
        scoped = replace(query, namespaces=self.visible())
        return self._reads.logs.page(scoped, limit, order=order, cursor=cursor)

    def logs_after(self, query: LogQuery, sequence: int, limit: int) -> tuple[LogView, ...]:
        """Return what attempts have logged after a sequence number, oldest first."""
        return self._reads.logs.after(replace(query, namespaces=self.visible()), sequence, limit)

    def logs_end(self) -> int:
        """Return the sequence number of the newest line; 0 where there are none."""
        return self._reads.logs.end()

    def workflow(self, namespace: str, name: str, version: str | None = None) -> WorkflowView:
        """Return a workflow version; None means the latest.

        Raises:
            NamespaceNotFound, WorkflowNotFound: there is none that the caller may know of.
        """
        self._see_namespace(namespace)
        return self._reads.workflow(namespace, name, version)

    def workflow_by_id(self, workflow_id: str, version: str | None = None) -> WorkflowView:
        """Return a workflow version by the workflow's UUID.

        Raises:
            WorkflowNotFound: there is none that the caller may know of.
        """
        absent = WorkflowNotFound("default", workflow_id, version)
        try:
            view = self._reads.workflow_by_id(workflow_id, version)
        except WorkflowNotFound as error:
            # the error of a deleted workflow names it
            raise (error if self.sees(error.namespace, "workflow") else absent) from None
        if not self.sees(view.definition.namespace, "workflow"):
            raise absent
        return view

    def workflow_versions(self, namespace: str, name: str) -> tuple[WorkflowView, ...]:
        """Return every version of a workflow, latest first.

        Raises:
            NamespaceNotFound, WorkflowNotFound: there is none that the caller may know of.
        """
        self._see_namespace(namespace)
        return self._reads.workflow_versions(namespace, name)

    def workflows(self, query: WorkflowQuery, window: Window) -> Page[WorkflowView]:
        """Return a part of the list of workflows: one item each, at its latest version."""
        return self._reads.workflows(replace(query, namespaces=self.visible("workflow")), window)

    def namespaces(self) -> tuple[NamespaceView, ...]:
        """Return the namespaces that hold a workflow and that the caller may know of."""
        found = self._reads.namespaces()
        return tuple(view for view in found if self.sees(view.name, "workflow"))

    def pauses(self) -> tuple[PauseView, ...]:
        """Return the queues that are paused, and the workflows that the caller may know of."""
        return tuple(
            pause
            for pause in self._reads.pauses()
            if pause.namespace is None or self.sees(pause.namespace)
        )

    def schedule(self, schedule_id: str) -> ScheduleView:
        """Return one schedule.

        Raises:
            ScheduleNotFound: no such schedule, or none that the caller may know of.
        """
        return self.schedule_with_now(schedule_id)[0]

    def schedule_with_now(self, schedule_id: str) -> tuple[ScheduleView, datetime]:
        """Return one schedule and the database's time.

        Raises:
            ScheduleNotFound: no such schedule, or none that the caller may know of.
        """
        view, now = self._reads.schedules.one_with_now(schedule_id)
        if not self.sees(view.spec.namespace, "schedule"):
            raise ScheduleNotFound(schedule_id)
        return view, now

    def schedules(self, query: ScheduleQuery, window: Window) -> Page[ScheduleView]:
        """Return a part of the list of schedules."""
        scoped = replace(query, namespaces=self.visible("schedule"))
        return self._reads.schedules.page(scoped, window)

    def delivery(self, delivery_id: str) -> DeliveryView:
        """Return one delivery.

        Raises:
            DeliveryNotFound: no such delivery, or none that the caller may know of.
        """
        view = self._reads.deliveries.one(delivery_id)
        if not self.sees(view.namespace, "delivery"):
            raise DeliveryNotFound(delivery_id)
        return view

    def deliveries(self, query: DeliveryQuery, window: Window) -> Page[DeliveryView]:
        """Return a part of the list of deliveries."""
        scoped = replace(query, namespaces=self.visible("delivery"))
        return self._reads.deliveries.page(scoped, window)

    def delivery_attempts(self, delivery_id: str) -> tuple[DeliveryAttemptView, ...]:
        """Return the ended attempts of a delivery that was found visible."""
        return self._reads.deliveries.attempts(delivery_id)

    def drains(self) -> tuple[DrainView, ...]:
        """Return the drains that have not ended; what they do elsewhere is left out."""
        return tuple(self._seen(drain) for drain in self._reads.workers.drains())

    def drain(self, drain_id: str) -> DrainView | None:
        """Return one drain; None where there is none, or it has ended."""
        found = self._reads.workers.drain(drain_id)
        return None if found is None else self._seen(found)

    def run_stats(self) -> RunStats:
        """Return figures about the runs that the caller may see."""
        return self._reads.stats.runs(self.visible())

    def attempt_stats(self) -> AttemptStats:
        """Return figures about the attempts that the caller may see."""
        return self._reads.stats.attempts(self.visible())

    def workflow_stats(self) -> WorkflowStats:
        """Return figures about the workflows that the caller may see."""
        return self._reads.stats.workflows(self.visible("workflow"))

    def schedule_stats(self) -> ScheduleStats:
        """Return figures about the schedules that the caller may see."""
        return self._reads.stats.schedules(self.visible("schedule"))

    def worker_stats(self) -> WorkerStats:
        """Return figures about all drains: they belong to no namespace."""
        return self._reads.stats.workers()

    def trend(self, query: AnalyticsQuery) -> Trend:
        """Return what became of the runs of a period, as far as the caller may see them."""
        return self._reads.analytics.trend(replace(query, namespaces=self.visible()))

    def bottlenecks(self, query: AnalyticsQuery) -> Bottlenecks:
        """Return what was slow or failed in a period, as far as the caller may see it."""
        return self._reads.analytics.bottlenecks(replace(query, namespaces=self.visible()))

    def _seen(self, drain: DrainView) -> DrainView:
        current = drain.current
        if current is None or self.sees(current.namespace):
            return drain
        return replace(drain, current=None)

    def _see_run(self, run_id: str) -> None:
        if self._access.is_on:  # else there is nothing to look for, and no look to pay for
            self.run(run_id)

    def _see_namespace(self, namespace: str) -> None:
        if not self.sees(namespace, "workflow"):
            raise NamespaceNotFound(namespace)

    def _permissions(self, resource: str) -> tuple[str, ...]:
        read = f"{resource}:read"
        return (read,) if self._permission in {None, read} else (read, str(self._permission))
