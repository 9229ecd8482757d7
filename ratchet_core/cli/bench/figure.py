"""One measured value: its samples, its aim, and what it is compared with.

How a figure is measured is in the row modules, how it is shown in `report`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

#: Name that our own figures bear.
RATCHET: Final = "Ratchet"
#: Names of databases, as figures bear them.
SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"


class Key(StrEnum):
    """What is measured, where it can be compared between systems."""

    ONE_BY_ONE = "one_by_one"  #: no-op runs per second, submitted one by one
    BATCHES = "batches"  #: no-op runs per second, submitted in batches
    LATENCY_P50 = "latency_p50"  #: submit to done while idle, median
    LATENCY_P99 = "latency_p99"  #: the same, 99th percentile
    CHAIN = "chain"  #: a chain of 40 no-op steps
    OTHER = "other"  #: nothing to compare with


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should reach."""

    limit: float  #: in the unit of the figure
    at_most: bool  #: lower is better

    def is_met_by(self, value: float) -> bool:
        """Tell whether a value reaches the aim."""
        return value < self.limit if self.at_most else value >= self.limit

    def text(self, unit: str) -> str:
        """Say the aim, such as `under 60 ms`."""
        return f"{'under ' if self.at_most else ''}{self.limit:,.0f} {unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the result."""

    name: str  #: what was measured, for people
    system: str = RATCHET  #: whose figure it is
    database: str = "-"  #: what it stands on
    key: Key = Key.OTHER  #: with what it can be compared
    unit: str = ""  #: of value, least and most
    value: float | None = None  #: median, or the percentile that the name says; None: see reason
    least: float | None = None  #: smallest sample
    most: float | None = None  #: largest sample
    samples: int = 0  #: how many were taken: repetitions, or single runs for latencies
    size: int = 0  #: runs or steps per sample
    bound: str = ""  #: what the disk, database or processor alone would take
    aim: Aim | None = None  #: what it should reach
    note: str = ""  #: what else must be known to read it
    reason: str = ""  #: why it was not measured

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is reached; None without an aim or a value."""
        if self.aim is None or self.value is None:
            return None
        return self.aim.is_met_by(self.value)

    @property
    def is_lower_better(self) -> bool:
        """Whether less is better: of everything but rates."""
        return not self.unit.endswith("/s")


def measured(samples: Sequence[float], figure: Figure) -> Figure:
    """Fill a figure with the median of samples, the least and the most."""
    return replace(
        figure,
        value=statistics.median(samples),
        least=min(samples),
        most=max(samples),
        samples=len(samples),
    )


def at_percentile(samples: Sequence[float], percent: float, figure: Figure) -> Figure:
    """Fill a figure with a percentile of samples, the least and the most."""
    value = percentile(samples, percent)
    return replace(figure, value=value, least=min(samples), most=max(samples), samples=len(samples))


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that `percent` of the samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(1, int(rank)) - 1]


def unmeasured(figure: Figure, reason: str) -> Figure:
    """Return a figure that says why it has no value."""
    return replace(figure, value=None, reason=reason)
