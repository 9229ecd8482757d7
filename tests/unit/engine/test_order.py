"""Gaps in the journal: open as long as somebody who may fill them writes, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ratchet_core.domain.views import EventView
from ratchet_core.engine.order import Order


class Writers:
    """Who writes to the journal, and the time, as a test sets them."""

    def __init__(self, *names: str) -> None:
        self.names = frozenset(names)
        self.now_s = 0.0
        self.order = Order(lambda: self.names, lambda: self.now_s)

    def look(self, *sequences: int) -> list[int]:
        """Return what of a look is final."""
        writers = self.order.before_look()
        return [event.sequence for event in self.order.final(0, events(*sequences), writers)]


def events(*sequences: int) -> list[EventView]:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    return [
        EventView(sequence=number, name="run.created", run_id="", step=None, at=at, data={})
        for number in sequences
    ]


def test_a_gap_is_open_while_its_writer_writes_however_long_that_takes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writers = Writers("3/7")

    assert writers.look(1, 3) == [1]
    writers.now_s = 3600.0
    assert writers.look(1, 3) == [1]
    assert writers.order.has_gaps

    assert [record.getMessage() for record in caplog.records if "3/7" in record.getMessage()]


def test_a_gap_is_filled_by_a_commit(caplog: pytest.LogCaptureFixture) -> None:
    writers = Writers("3/7")

    assert writers.look(1, 3) == [1]
    writers.names = frozenset()
    assert writers.look(1, 2, 3) == [1, 2, 3]

    assert caplog.records == []


def test_a_gap_that_nobody_can_fill_any_more_holds_nothing_up() -> None:
    writers = Writers("3/7")

    assert writers.look(1, 3) == [1]
    writers.names = frozenset({"4/1"})  # has begun after the gap was seen
    assert writers.look(1, 3) == [1, 3]
