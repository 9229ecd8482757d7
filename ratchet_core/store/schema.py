"""The tables, as they are now; `migrations/` leads every older database here.

Ids are UUIDv7 as text, times are microseconds (`clock`), JSON is text exactly as it came.
History must slow nothing: indexes of the hot path are partial, and columns that change with
every step are not indexed on `runs`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


def _id(name: str, **options: Any) -> Column[str]:
    return Column(name, String(36), **options)


def _at(name: str, *, nullable: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _needed(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _partial(name: str, condition: str, *columns: Any) -> Index:
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


_PLANNED = "schedule_id IS NOT NULL"

namespaces = Table(
    "namespaces",
    metadata,
    Column("name", String(128), primary_key=True),
    _needed("description", Text),
)

workflows = Table(
    "workflows",
    metadata,
    _id("id", primary_key=True),
    _needed("namespace", String(128)),
    _needed("name", String(128)),
    _needed("enabled", Boolean),
    _needed("place", Integer),  # order of first definition within the namespace
    _id("latest_id"),  # snapshot of the latest version; NULL when every version is deleted
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    Index("workflows_name", "namespace", "name", unique=True),
    Index("workflows_created", "created_at", "id"),
)

snapshots = Table(
    "snapshots",
    metadata,
    _id("id", primary_key=True),
    _id("workflow_id", nullable=False),
    _needed("version", String(64)),
    _needed("document", Text),
    _needed("content_hash", String(64)),
    _at("created_at", nullable=False),
    _at("retired_at"),  # replaced under the same version by a newer snapshot
    _at("deleted_at"),  # tombstone: reloads leave it alone until it is restored
    Index(
        "snapshots_current",
        "workflow_id",
        "version",
        unique=True,
        sqlite_where=text("retired_at IS NULL"),
        postgresql_where=text("retired_at IS NULL"),
    ),
)

runs = Table(
    "runs",
    metadata,
    _id("id", primary_key=True),
    _id("workflow_id", nullable=False),
    _id("snapshot_id", nullable=False),
    _needed("namespace", String(128)),
    _needed("name", String(128)),
    _needed("version", String(64)),
    _needed("state", String(16)),
    _needed("priority", Integer),
    _needed("input", Text),
    Column("result", Text),
    Column("error", Text),
    _needed("progress", Float),
    _needed("retries", Integer),
    _needed("steps_total", Integer),
    _needed("steps_open", Integer),
    _needed("steps_active", Integer),
    _needed("steps_backoff", Integer),
    _needed("steps_failed", Integer),
    _needed("principal", String(255)),
    Column("idempotency_key", String(255)),
    Column("request_hash", String(64)),
    Column("waiting_for", Text),
    Column("resolved_by", Text),
    _id("schedule_id"),
    _at("scheduled_for"),
    Column("origin", Text),
    Column("output_destinations", Text),
    Column("traceparent", String(64)),  # the span that made it; None without traces
    _id("rerun_of"),  # the run whose request, and maybe results, it took over
    _at("deadline_at"),  # fails where it has not ended by then
    Column("outbox", SmallInteger),  # 1: its end is to be delivered, 2: it is handed over
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("started_at"),
    _at("completed_at"),
    _partial("runs_outbox", "outbox = 1 AND completed_at IS NOT NULL", "completed_at"),
    # oldest first, for retention
    _partial("runs_finished", "completed_at IS NOT NULL", "namespace", "completed_at", "id"),
    Index("runs_created", "created_at", "id"),
    Index(  # any choice of the first five is read group by group in the list's order
        "runs_listed", "namespace", "name", "version", "priority", "state", "created_at", "id"
    ),
    _partial("runs_paused", "state = 'paused'", "workflow_id", "created_at", "id"),
    Index(
        "runs_idempotency",
        "principal",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    Index(
        "runs_schedule",
        "schedule_id",
        "scheduled_for",
        unique=True,
        sqlite_where=text(_PLANNED),
        postgresql_where=text(_PLANNED),
    ),
    # is an earlier run of the schedule still under way?
    _partial(
        "runs_schedule_live", "schedule_id IS NOT NULL AND completed_at IS NULL", "schedule_id"
    ),
    _partial("runs_of_schedule", _PLANNED, "schedule_id", "created_at", "id"),
    _partial("runs_deadline", "deadline_at IS NOT NULL AND completed_at IS NULL", "deadline_at"),
    _partial("runs_scheduled", "scheduled_for IS NOT NULL", "scheduled_for"),
)


steps = Table(
    "steps",
    metadata,
    _id("id", primary_key=True),
    _id("run_id", nullable=False),
    _needed("position", Integer),
    _needed("name", String(128)),
    _needed("queue", String(64)),
    _needed("priority", Integer),
    _needed("state", String(16)),
    _needed("pending_parents", Integer),
    _at("ready_at"),
    _needed("attempts", Integer),
    _needed("failures", Integer),  # attempts that count against the limit
    _needed("losses", Integer),  # attempts lost with their worker
    _needed("interruptions", Integer),  # times its drain died with it claimed
    _needed("alone", Boolean),
    _id("drain_id"),
    _needed("token", Integer),
    _id("attempt_id"),  # its latest attempt
    Column("input", Text),  # the step's own input, where an operator gave one
    Column("changes", Text),  # what an operator changed in its definition, for this run alone
    Column("result", Text),
    Column("error", Text),
    _needed("progress", Float),
    _at("started_at"),
    _at("completed_at"),
    Index("steps_run", "run_id", "position", unique=True),
    _partial(
        "steps_ready", "state = 'ready'", "queue", "alone", text("priority DESC"), "ready_at", "id"
    ),
    _partial("steps_backoff", "state = 'backoff'", "ready_at"),
    _partial("steps_held", "state IN ('claimed', 'running')", "drain_id"),
)

attempts = Table(
    "attempts",
    metadata,
    _id("id", primary_key=True),
    _id("step_id", nullable=False),
    _id("run_id", nullable=False),
    _needed("namespace", String(128)),
    _needed("name", String(128)),
    _needed("version", String(64)),
    _needed("step", String(128)),
    _needed("number", Integer),
    _needed("state", String(16)),
    Column("error", Text),
    _id("drain_id"),
    _at("started_at", nullable=False),
    _at("completed_at"),
    Column("duration_us", BigInteger),
    Index("attempts_started", "started_at", "id"),
    Index("attempts_listed", "namespace", "name", "version", "state", "started_at", "id"),
    Index("attempts_workflow", "namespace", "name", "started_at", "id"),
    Index("attempts_run", "run_id"),
)


def _counts(name: str, *keys: Column[Any]) -> Table:
    """Return a table of how many rows there are of each key: the sum over its slots.

    Triggers keep it, and on the hot path of SQLite those who write (`counts`, migration 0014).
    """
    return Table(
        name,
        metadata,
        *keys,
        Column("slot", BigInteger, primary_key=True, autoincrement=False),
        _needed("number", BigInteger),
        sqlite_with_rowid=False,
    )


def _key(name: str, length: int) -> Column[str]:
    return Column(name, String(length), primary_key=True)


run_counts = _counts(
    "run_counts",
    _key("namespace", 128),
    _key("name", 128),
    _key("version", 64),
    Column("priority", Integer, primary_key=True, autoincrement=False),
    _key("state", 16),
)

attempt_counts = _counts(
    "attempt_counts",
    _key("namespace", 128),
    _key("name", 128),
    _key("version", 64),
    _key("state", 16),
)

drains = Table(
    "drains",
    metadata,
    _id("id", primary_key=True),
    _needed("worker", Text),
    _needed("host", Text),
    _needed("pid", Integer),
    _needed("queues", Text),
    Column("handlers", Text),  # JSON list of the step handlers that it knows by name
    _at("started_at", nullable=False),
    _at("renewed_at"),  # its last sign of life
    _at("lease_until", nullable=False),
    _at("closed_at"),
    _partial("drains_open", "closed_at IS NULL", "lease_until"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("kind", String(16), primary_key=True),  # queue or workflow
    Column("subject", String(128), primary_key=True),  # name of the queue, UUID of the workflow
    _needed("paused_by", String(255)),
    _at("paused_at", nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    _id("run_id", nullable=False),
    Column("step", String(128)),
    _needed("name", String(128)),
    _at("at", nullable=False),
    Column("data", Text),
    Index("journal_run", "run_id", "sequence"),
)

log_lines = Table(
    "log_lines",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),  # in order of commits
    _id("run_id", nullable=False),
    _id("attempt_id", nullable=False),
    _needed("namespace", String(128)),
    _needed("name", String(128)),
    _needed("step", String(128)),
    _needed("attempt", Integer),  # number of the attempt
    _needed("level", SmallInteger),  # as Python numbers them: 10, 20, 30, 40
    _at("at", nullable=False),
    Column("logger", String(128)),
    _needed("message", Text),
    Index("log_lines_run", "run_id", "sequence"),
    Index("log_lines_attempt", "attempt_id", "sequence"),
    Index("log_lines_workflow", "namespace", "name", "sequence"),
    _partial("log_lines_grave", "level >= 30", "sequence"),
)

removed_runs = Table(  # gone for everybody; the rows that belonged to them are being deleted
    "removed_runs",
    metadata,
    _id("id", primary_key=True),
    _at("removed_at", nullable=False),
)

run_annotations = Table(
    "annotations",
    metadata,
    _id("id", primary_key=True),
    _id("run_id", nullable=False),
    _needed("type", String(64)),
    _needed("value", Text),
    _needed("principal", String(255)),
    _at("created_at", nullable=False),
    Index("annotations_run", "run_id", "created_at", "id"),
    Index("annotations_type", "type", "run_id"),
)

schedules = Table(
    "schedules",
    metadata,
    _id("id", primary_key=True),
    Column("name", String(128)),
    _needed("namespace", String(128)),
    _needed("workflow", String(128)),
    Column("version", String(64)),  # NULL: the latest at each fire time
    _needed("cron_expression", String(200)),
    _needed("timezone", String(100)),
    _needed("input", Text),
    _needed("enabled", Boolean),
    _needed("description", Text),
    Column("priority", Integer),
    Column("output_destinations", Text),
    Column("metadata", Text),
    _needed("catchup", String(8)),
    _needed("max_catchup", Integer),
    _needed("overlap", String(8)),
    _at("starts_at"),
    _at("ends_at"),
    Column("max_runs", Integer),
    _at("next_at"),  # NULL: nothing will fire, because it is disabled or exhausted
    _at("last_at"),
    _id("last_run_id"),
    _needed("runs_made", Integer),
    _needed("runs_skipped", Integer),
    Column("waiting", Text),  # JSON list of fire times; NULL where none waits
    Column("problem", Text),  # why the latest fire time made no run
    Column("source", Text),  # the file that declares it
    Column("source_hash", String(64)),  # of what the file says
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("deleted_at"),  # tombstone of one that a file declares: reloads leave it alone
    Column("principal", String(255)),  # whose the idempotency key is
    Column("idempotency_key", String(255)),
    Column("request_hash", String(64)),
    Index("schedules_created", "created_at", "id"),
    Index("schedules_workflow", "namespace", "workflow", "created_at", "id"),
    Index(
        "schedules_name",
        "name",
        unique=True,
        sqlite_where=text("name IS NOT NULL"),
        postgresql_where=text("name IS NOT NULL"),
    ),
    Index(
        "schedules_idempotency",
        "principal",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    _partial("schedules_due", "next_at IS NOT NULL", "next_at", "id"),
    _partial("schedules_waiting", "waiting IS NOT NULL", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id("id", primary_key=True),
    _needed("prefix", String(16)),  # public part of the key, by which it is found
    _needed("digest", String(64)),  # SHA-256 of the whole key; the key itself is stored nowhere
    _needed("name", String(128)),
    _needed("roles", Text),  # JSON list
    _needed("permissions", Text),  # JSON list
    Column("namespaces", Text),  # JSON list; NULL: any
    _needed("created_by", String(255)),
    _at("created_at", nullable=False),
    _at("expires_at"),
    _at("revoked_at"),
    _at("last_used_at"),  # to the minute
    Index("api_keys_prefix", "prefix", unique=True),
)

self_tokens = Table(
    "self_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256; the token itself is stored nowhere
    _needed("namespace", String(128)),
    _at("expires_at", nullable=False),
    Index("self_tokens_expires", "expires_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    _needed("call_id", String(100)),
    _at("at", nullable=False),
    _needed("principal", String(255)),
    _needed("address", String(64)),
    _needed("method", String(16)),
    _needed("path", Text),
    _needed("operation", String(128)),
    _needed("permission", String(64)),
    _needed("status", Integer),
    Column("position", BigInteger),  # place in the chain; NULL until it is sealed
    Column("digest", String(64)),  # of this entry and of the digest before it
    Index("audit_position", "position", unique=True),
    _partial("audit_unsealed", "position IS NULL", "sequence"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id("id", primary_key=True),
    _id("run_id", nullable=False),
    _needed("namespace", String(128)),
    _needed("name", String(128)),
    _needed("version", String(64)),
    _needed("origin", String(16)),  # who names the destination: global, workflow or run
    _needed(
        "place", Integer
    ),  # in that list; options and secrets are read there, never stored here
    _needed("destination", String(128)),
    _needed("kind", String(64)),
    _needed("run_state", String(16)),
    _needed("state", String(16)),
    _needed("attempts", Integer),
    _needed("failures", Integer),  # those that count against the limit
    _needed("token", Integer),
    _needed("timeout_us", BigInteger),  # of one attempt
    Column("error", Text),
    _at("ready_at"),
    _at("lease_until"),
    _at("created_at", nullable=False),
    _at("updated_at", nullable=False),
    _at("completed_at"),
    Index("deliveries_created", "created_at", "id"),
    Index("deliveries_state", "state", "created_at", "id"),
    Index("deliveries_destination", "destination", "created_at", "id"),
    Index("deliveries_run", "run_id"),
    _partial("deliveries_ready", "state = 'pending'", "ready_at", "id"),
    _partial("deliveries_leased", "state = 'running'", "lease_until"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    _id("delivery_id", primary_key=True),
    Column("number", Integer, primary_key=True),
    _id("run_id", nullable=False),
    _needed("state", String(16)),
    Column("error", Text),
    Column("details", Text),
    _at("started_at", nullable=False),
    _at("completed_at", nullable=False),
    Index("delivery_attempts_run", "run_id"),
)

disabled_destinations = Table(
    "disabled_destinations",
    metadata,
    Column("destination", String(128), primary_key=True),
    _needed("reason", Text),
    _at("disabled_at", nullable=False),
)
