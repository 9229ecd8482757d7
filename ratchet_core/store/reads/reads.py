"""Runs, steps, attempts, events and workflows, as the doors ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, select

from ratchet_core.domain.query import AttemptQuery, RunQuery, Window, WorkflowQuery
from ratchet_core.domain.states import AttemptState, RunState
from ratchet_core.domain.views import (
    AnnotationView,
    AttemptView,
    EventView,
    NamespaceView,
    Page,
    PauseView,
    RunView,
    StepView,
    TrailEntryView,
    WorkflowView,
)
from ratchet_core.domain.why import Why, explain
from ratchet_core.errors import AttemptNotFound, RunNotFound
from ratchet_core.store import annotations as stored_annotations
from ratchet_core.store.database import Database
from ratchet_core.store.definitions import SnapshotCache
from ratchet_core.store.reads import attempt as attempt_reads
from ratchet_core.store.reads import journal as journal_reads
from ratchet_core.store.reads import list_query
from ratchet_core.store.reads import pause as pause_reads
from ratchet_core.store.reads import trail as trail_reads
from ratchet_core.store.reads import workflow as workflow_reads
from ratchet_core.store.reads.analytics import AnalyticsReads
from ratchet_core.store.reads.attempt import ATTEMPTS, Owner
from ratchet_core.store.reads.delivery import DeliveryReads
from ratchet_core.store.reads.journal import JournalStart
from ratchet_core.store.reads.logs import LogReads
from ratchet_core.store.reads.rows import attempt_view, event_view, run_view, step_view
from ratchet_core.store.reads.schedule import ScheduleReads
from ratchet_core.store.reads.stats import StatsReads
from ratchet_core.store.reads.why import facts
from ratchet_core.store.reads.worker import WorkerReads
from ratchet_core.store.schema import attempts, journal, runs, steps

#: Built once: building a statement costs more than asking it.
_RUN = select(runs).where(runs.c.id == bindparam("run_id"))
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_BY_ID = select(runs).where(runs.c.id.in_(_IDS))
_SNAPSHOTS = select(runs.c.id, runs.c.snapshot_id).where(runs.c.id.in_(_IDS))
_STEPS = select(steps).where(steps.c.run_id.in_(_IDS)).order_by(steps.c.run_id, steps.c.position)
_ATTEMPTS_BY_ID = ATTEMPTS.where(attempts.c.id.in_(_IDS))
_RUN_STATE = select(runs.c.state).where(runs.c.id == bindparam("run_id"))


class Reads:
    """Answers questions about what is stored; never changes anything."""

    def __init__(self, database: Database, snapshots: SnapshotCache) -> None:
        self._database = database
        self._snapshots = snapshots
        self.schedules = ScheduleReads(database)
        self.deliveries = DeliveryReads(database)
        self.analytics = AnalyticsReads(database)
        self.logs = LogReads(database)
        self.workers = WorkerReads(database)
        self.stats = StatsReads(database)

    def run(self, run_id: str) -> RunView:
        """Return one run.

        Raises:
            RunNotFound: no such run.
        """
        with self._database.read() as tx:
            row = tx.execute(_RUN, {"run_id": run_id}).first()
        if row is None:
            raise RunNotFound(run_id)
        return run_view(row)

    def run_state(self, run_id: str) -> RunState:
        """Return where a run stands.

        Raises:
            RunNotFound: no such run.
        """
        with self._database.read() as tx:
            state = tx.execute(_RUN_STATE, {"run_id": run_id}).scalar()
        if state is None:
            raise RunNotFound(run_id)
        return RunState(state)

    def why(self, run_id: str) -> Why:
        """Return why a run is not running or not finished, and what would change that.

        Raises:
            RunNotFound: no such run.
        """
        with self._database.snapshot() as tx:
            return explain(facts(tx, self._snapshots, run_id))

    def runs_by_id(self, run_ids: Sequence[str]) -> dict[str, RunView]:
        """Return those of the runs that exist, by id."""
        with self._database.read() as tx:
            rows = tx.execute(_BY_ID, {"ids": list(run_ids)}).all()
        return {row.id: run_view(row) for row in rows}

    def runs(self, query: RunQuery, window: Window) -> Page[RunView]:
        """Return a part of the list of runs."""
        with self._database.snapshot() as tx:
            part = list_query.runs_part(tx, query, window)
            found = tx.execute(_BY_ID, {"ids": part.ids}) if part.ids else ()
            rows = {row.id: row for row in found}
        items = tuple(run_view(rows[key]) for key in part.ids)
        return Page(items=items, total=part.total, next_cursor=part.cursor)

    def run_ids(self, query: RunQuery, limit: int) -> tuple[list[str], int]:
        """Return ids of matching runs, the oldest first, and the number of all that match."""
        with self._database.snapshot() as tx:
            part = list_query.runs_part(tx, query, Window(limit=limit, order="asc"))
        return part.ids, part.total

    def steps(self, run_id: str) -> tuple[StepView, ...]:
        """Return the steps of a run in definition order.

        Raises:
            RunNotFound: no such run.
        """
        return self.steps_of([run_id])[run_id]

    def steps_of(self, run_ids: Sequence[str]) -> dict[str, tuple[StepView, ...]]:
        """Return the steps of several runs, in definition order.

        Raises:
            RunNotFound: one of them does not exist.
        """
        with self._database.read() as tx:
            ids = {"ids": list(run_ids)}
            snapshot_of = {row.id: row.snapshot_id for row in tx.execute(_SNAPSHOTS, ids)}
            definitions = self._snapshots.load(tx, set(snapshot_of.values()))
            rows = tx.execute(_STEPS, ids).all()
        found: dict[str, list[StepView]] = {}
        for run_id in run_ids:
            if run_id not in snapshot_of:
                raise RunNotFound(run_id)
            found[run_id] = []
        for row in rows:
            definition = definitions[snapshot_of[row.run_id]]
            found[row.run_id].append(step_view(row, definition.steps[row.position]))
        return {run_id: tuple(views) for run_id, views in found.items()}

    def attempt(self, attempt_id: str) -> AttemptView:
        """Return one attempt.

        Raises:
            AttemptNotFound: no such attempt.
        """
        with self._database.read() as tx:
            row = tx.execute(ATTEMPTS.where(attempts.c.id == attempt_id)).first()
        if row is None:
            raise AttemptNotFound(attempt_id)
        return attempt_view(row)

    def attempts(self, query: AttemptQuery, window: Window) -> Page[AttemptView]:
        """Return a part of the list of attempts."""
        with self._database.snapshot() as tx:
            part = list_query.attempts_part(tx, query, window)
            found = tx.execute(_ATTEMPTS_BY_ID, {"ids": part.ids}) if part.ids else ()
            rows = {row.id: row for row in found}
        # one whose run is being deleted is counted and has no step any more
        items = tuple(attempt_view(rows[key]) for key in part.ids if key in rows)
        return Page(items=items, total=part.total, next_cursor=part.cursor)

    def newest_attempts(
        self,
        owners: Sequence[Owner],
        *,
        states: Sequence[AttemptState] | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Mapping[Owner, tuple[AttemptView, ...]]:
        """Return a part of the attempts of each owner, newest first, in one statement or few.

        Args:
            owners: (namespace, name) of workflows, or (run id,) of runs; all of one kind.
            states: any of them; None is all.
            limit: of each owner.
            offset: of each owner.
        """
        with self._database.read() as tx:
            columns = _columns_of(owners)
            return attempt_reads.newest(tx, columns, owners, states, limit, offset)

    def attempt_totals(
        self, owners: Sequence[Owner], *, states: Sequence[AttemptState] | None = None
    ) -> Mapping[Owner, int]:
        """Count the attempts of each owner, in one statement; see `newest_attempts`."""
        with self._database.read() as tx:
            return attempt_reads.totals(tx, _columns_of(owners), owners, states)

    def journal_tail(self, after: int, limit: int) -> tuple[EventView, ...]:
        """Return what the journal of all runs holds after a number, as far as it is visible.

        Where `journal_writers` is not None, a lower number may still become visible later.
        """
        with self._database.read() as tx:
            return journal_reads.tail(tx, after, limit)

    def journal_writers(self) -> frozenset[str] | None:
        """Return who writes to the journal now; None where numbers become visible in order."""
        with self._database.read() as tx:
            return journal_reads.writers(tx, self._database.dialect)

    def journal_start(self, settled: int | None = None) -> JournalStart:
        """Return where to begin to follow the journal, to meet all that is committed from now on.

        Args:
            settled: a place up to which no entry can come any more, where one is known.
        """
        with self._database.read() as tx:
            return journal_reads.start(tx, self._database.dialect, settled)

    def journal_end(self) -> int:
        """Return the highest sequence number that is visible; 0 in an empty journal."""
        with self._database.read() as tx:
            return journal_reads.end(tx)

    def journal_between(self, after: int, upto: int, limit: int) -> tuple[EventView, ...]:
        """Return entries of all runs after one number and up to another, oldest first."""
        with self._database.read() as tx:
            return journal_reads.between(tx, after, upto, limit)

    def run_at(self, run_id: str) -> tuple[RunView, int]:
        """Return a run and the sequence number of the last event that it reflects.

        Raises:
            RunNotFound: no such run.
        """
        with self._database.read() as tx:
            return journal_reads.run_at(tx, run_id)

    def runs_at(self, run_ids: Sequence[str]) -> dict[str, tuple[RunView, int]]:
        """Return those of the runs that exist as `run_at` does, by id."""
        with self._database.read() as tx:
            return journal_reads.runs_at(tx, run_ids)

    def events(self, run_id: str, after: int = 0, limit: int = 100) -> tuple[EventView, ...]:
        """Return entries of a run's journal after a sequence number, oldest first."""
        statement = (
            select(journal)
            .where(journal.c.run_id == run_id, journal.c.sequence > after)
            .order_by(journal.c.sequence)
            .limit(limit)
        )
        with self._database.read() as tx:
            return tuple(event_view(row) for row in tx.execute(statement))

    def events_of(
        self, run_ids: Sequence[str], after: int = 0, limit: int = 100
    ) -> Mapping[str, tuple[EventView, ...]]:
        """Return what `events` returns for each run, in one statement or few for all of them."""
        with self._database.read() as tx:
            return journal_reads.of_runs(tx, run_ids, after, limit)

    def trail(self, run_id: str, after: int, limit: int) -> tuple[TrailEntryView, ...]:
        """Return a part of a run's audit trail after a sequence number, oldest first."""
        with self._database.read() as tx:
            return trail_reads.of_run(tx, run_id, after, limit)

    def annotations(self, run_id: str) -> tuple[AnnotationView, ...]:
        """Return what was noted about a run, oldest first."""
        with self._database.read() as tx:
            return stored_annotations.of_run(tx, run_id)

    def annotations_of(self, run_ids: Sequence[str]) -> dict[str, list[AnnotationView]]:
        """Return what was noted about several runs, oldest first, by the run's id."""
        with self._database.read() as tx:
            return stored_annotations.of_runs(tx, run_ids)

    def workflow(self, namespace: str, name: str, version: str | None = None) -> WorkflowView:
        """Return a workflow version; None means the latest.

        Raises:
            NamespaceNotFound, WorkflowNotFound: there is none, or it is deleted.
        """
        with self._database.read() as tx:
            return workflow_reads.one(tx, self._snapshots, namespace, name, version)

    def workflow_by_id(self, workflow_id: str, version: str | None = None) -> WorkflowView:
        """Return a workflow version by the workflow's UUID.

        Raises:
            WorkflowNotFound: there is none, or it is deleted.
        """
        with self._database.read() as tx:
            return workflow_reads.by_id(tx, self._snapshots, workflow_id, version)

    def workflow_versions(self, namespace: str, name: str) -> tuple[WorkflowView, ...]:
        """Return every version of a workflow, latest first.

        Raises:
            NamespaceNotFound, WorkflowNotFound: there is none, or all are deleted.
        """
        with self._database.read() as tx:
            return workflow_reads.every_version(tx, self._snapshots, namespace, name)

    def workflows(self, query: WorkflowQuery, window: Window) -> Page[WorkflowView]:
        """Return a part of the list of workflows: one item each, at its latest version."""
        with self._database.read() as tx:
            return workflow_reads.listed(tx, self._snapshots, query, window)

    def namespaces(self) -> tuple[NamespaceView, ...]:
        """Return the namespaces that hold a workflow, in order of their first definition."""
        with self._database.read() as tx:
            return workflow_reads.all_namespaces(tx)

    def pauses(self) -> tuple[PauseView, ...]:
        """Return the queues and workflows that are paused, queues first."""
        with self._database.read() as tx:
            return pause_reads.listed(tx)

    def namespace_names(self) -> tuple[str, ...]:
        """Return the names of all namespaces in which a workflow was ever defined."""
        with self._database.read() as tx:
            return workflow_reads.namespace_names(tx)


def _columns_of(owners: Sequence[Owner]) -> Sequence[ColumnElement[Any]]:
    is_run = bool(owners) and len(owners[0]) == len(attempt_reads.BY_RUN)
    return attempt_reads.BY_RUN if is_run else attempt_reads.BY_WORKFLOW
