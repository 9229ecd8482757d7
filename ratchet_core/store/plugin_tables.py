"""The tables of plugins: what processes tell of them and of sources, how far subscribers are."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from ratchet_core.store.schema import metadata

#: One row per process and plugin; counts grow while the process lives.
plugin_reports: Final = Table(
    "plugin_reports",
    metadata,
    Column("process", String(36), primary_key=True),  # UUIDv7 of the process
    Column("plugin", String(255), primary_key=True),
    Column("place", String(255), nullable=False),  # `worker on host, process 17`
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("overruns", BigInteger, nullable=False),
    Column("spent_us", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("plugin_reports_at", "at"),
)

#: One row per subscriber of events.
event_cursors: Final = Table(
    "event_cursors",
    metadata,
    Column("subscriber", String(255), primary_key=True),
    Column("sequence", BigInteger, nullable=False),  # of the last event it was told of
    Column("holder", String(36)),  # the process that tells it
    Column("lease_until", BigInteger),
)

#: One row per process and input source; counts grow while the process lives.
source_reports: Final = Table(
    "source_reports",
    metadata,
    Column("process", String(36), primary_key=True),  # UUIDv7 of the process
    Column("source", String(64), primary_key=True),
    Column("place", String(255), nullable=False),  # `ingest on host, process 17`
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("doubles", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("source_reports_at", "at"),
)
