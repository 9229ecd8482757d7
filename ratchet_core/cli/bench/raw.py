"""What the disk and the database do by themselves: the bounds of everything that is stored."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratchet_core.cli.bench.figure import POSTGRESQL, SQLITE, Figure, measured
from ratchet_core.cli.bench.plan import Plan
from ratchet_core.store.database import Database

_BLOCK: Final = b"r" * 4096
_WARM_UP: Final = 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """Medians of one database, in seconds."""

    full_s: float  #: a commit that survives a power cut
    normal_s: float  #: one that the next such commit makes durable; PostgreSQL: the same
    look_s: float  #: reading one value

    def commits(self, full: int, normal: int = 0) -> float:
        """Return how many milliseconds a number of commits takes."""
        return 1e3 * (full * self.full_s + normal * self.normal_s)


def raw_disk(folder: Path, plan: Plan) -> Figure:
    """Measure writing a block and having it on the disk."""
    path = folder / "fsync.raw"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def write() -> None:
        os.pwrite(descriptor, _BLOCK, 0)
        os.fsync(descriptor)

    try:
        return _rate("fsync of one 4 KiB block", "disk", write, plan)[0]
    finally:
        os.close(descriptor)
        path.unlink()


def raw_sqlite(folder: Path, plan: Plan) -> tuple[Bounds, list[Figure]]:
    """Measure commits of one row with synchronous FULL and NORMAL, and a look."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE raw (value TEXT)")
        figures, seconds = [], []
        for mode in ("FULL", "NORMAL"):
            connection.execute(f"PRAGMA synchronous={mode}")
            name = f"raw commit of one row, synchronous {mode}"
            figure, median_s = _rate(name, SQLITE, lambda: _insert_lite(connection), plan)
            figures.append(figure)
            seconds.append(median_s)
        figure, look_s = _rate("raw look by rowid", SQLITE, lambda: _look_lite(connection), plan)
    finally:
        connection.close()
    return Bounds(seconds[0], seconds[1], look_s), [*figures, figure]


def _insert_lite(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO raw VALUES ('no-op')")


def _look_lite(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT value FROM raw WHERE rowid = 1").fetchone()


def raw_postgresql(url: str, plan: Plan) -> tuple[Bounds, list[Figure]]:
    """Measure commits of one row with synchronous_commit=on, and a round trip."""
    database = Database(url)
    try:
        with database.read() as tx:  # outside of a transaction: each statement commits
            raw: Any = tx.connection.driver_connection
            cursor = raw.cursor()
            cursor.execute("CREATE TABLE bench_raw (value text)")
            commit, commit_s = _rate(
                "raw commit of one row, synchronous_commit=on",
                POSTGRESQL,
                lambda: cursor.execute("INSERT INTO bench_raw VALUES ('no-op')"),
                plan,
            )
            trip, trip_s = _rate(
                "raw round trip, SELECT 1",
                POSTGRESQL,
                lambda: cursor.execute("SELECT 1").fetchone(),
                plan,
            )
            cursor.execute("DROP TABLE bench_raw")
    finally:
        database.dispose()
    return Bounds(commit_s, commit_s, trip_s), [commit, trip]


def _rate(name: str, database: str, work: Callable[[], object], plan: Plan) -> tuple[Figure, float]:
    """Return how often a second something can be done, and how long it takes."""
    for _ in range(_WARM_UP):
        work()
    rates = []
    for _ in range(plan.repetitions):
        began = time.perf_counter()
        for _ in range(plan.raw):
            work()
        rates.append(plan.raw / (time.perf_counter() - began))
    plain = Figure(name=name, system="raw", database=database, unit="/s", size=plan.raw)
    figure = measured(rates, plain)
    return figure, 1 / (figure.value or 1.0)
