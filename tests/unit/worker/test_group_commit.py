"""Which ends share a transaction, and what must not wait for others."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ratchet_core.worker.drain import GROUP_SIZE
from tests.unit.worker.conftest import Bench


def test_no_result_of_a_short_step_waits_for_a_whole_batch(bench: Bench) -> None:
    """Ten steps of 5 ms are one claim, and more than one transaction."""
    bench.define_one("short")
    bench.handlers.functions["short"] = lambda _context: threading.Event().wait(0.005)
    bench.submit("short", 10)
    bench.run()

    assert bench.engine.counts("claim")[0] == 10
    assert max(bench.engine.counts("conclude")) < 5


def test_no_transaction_holds_more_than_a_group(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratchet_core.worker.drain.GROUP_COMMIT_S", 60.0)
    monkeypatch.setattr("ratchet_core.worker.flusher.SLOW_S", 60.0)  # also on a busy machine
    bench.define_one("quick")
    bench.handlers.functions["quick"] = lambda _context: None
    bench.submit("quick", 600)
    drain = bench.drain()
    for _ in range(100):
        drain._pace.note("quick", 0.00001)
    drain._pace.claimed(["quick"])
    drain.run()

    assert bench.engine.counts("claim")[0] == 300
    assert max(bench.engine.counts("conclude")) <= GROUP_SIZE == 100


def test_an_immediate_step_whose_start_is_not_stored_does_not_run(bench: Bench) -> None:
    bench.define_one("pay", commit="immediate")
    [paid] = bench.submit("pay")
    ran: list[str] = []
    bench.handlers.functions["pay"] = lambda context: ran.append(context.run.id)
    note_start = bench.engine.note_start

    def cancelled_just_before(*args: Any) -> bool:
        bench.engine.cancel(paid, "tester")
        return note_start(*args)

    bench.engine.note_start = cancelled_just_before  # type: ignore[method-assign,assignment]
    bench.run()

    assert ran == []
    assert bench.states([paid]) == {"cancelled"}


def test_nothing_shares_a_transaction_with_an_immediate_step(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratchet_core.worker.drain.GROUP_COMMIT_S", 60.0)
    bench.define_one("quick")
    bench.define_one("pay", commit="immediate")
    bench.handlers.functions["pay"] = lambda _context: None
    bench.submit("quick", 2)
    bench.submit("pay")
    bench.submit("quick", 2)
    bench.run()

    assert bench.engine.counts("conclude") == [2, 1, 2]
