"""The page that a work-horse shares with its parent."""

from __future__ import annotations

import os
import signal
import timeit

from ratchet_core.worker.mark import _BODY, _BODY_AT, Mark

STEP = "01a204f8-da3e-702f-a92c-6091b48ee72c"
DRAIN = "01a204f8-da42-766a-8974-fbdfa7e61e8e"


def test_a_new_mark_names_nothing() -> None:
    mark = Mark()

    assert (mark.read(), mark.drain_id, mark.last_beat) == (None, None, 0.0)


def test_a_parent_reads_what_a_killed_child_had_started() -> None:
    mark = Mark()
    pid = os.fork()
    if pid == 0:
        mark.enter(DRAIN)
        mark.start(STEP, 7, 100.0, 160.0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)

    step = mark.read()

    assert step is not None
    assert (mark.drain_id, step.step_id, step.token) == (DRAIN, STEP, 7)
    assert (step.started, step.deadline) == (100.0, 160.0)


def test_a_cleared_mark_names_no_step() -> None:
    mark = Mark()
    mark.start(STEP, 7, 100.0, 160.0)
    mark.clear()

    assert mark.read() is None


def test_a_half_written_mark_names_no_step() -> None:
    mark = Mark()
    mark.start(STEP, 7, 100.0, 160.0)
    _BODY.pack_into(mark._page, _BODY_AT, 2, STEP.encode(), 8, 1.0, 2.0, True, 1)

    assert mark.read() is None


def test_a_cancel_holds_for_the_start_it_was_meant_for_only() -> None:
    mark = Mark()
    first = mark.start(STEP, 7, 100.0, 160.0)
    mark.cancel(first, 123.0)
    cancelled = mark.read()
    mark.start(STEP, 8, 101.0, 161.0)
    later = mark.read()

    assert cancelled is not None
    assert later is not None
    assert mark.kill_at(cancelled) == 123.0
    assert mark.kill_at(later) is None


def test_a_mark_costs_next_to_nothing() -> None:
    mark = Mark()

    best_s = min(timeit.repeat(lambda: mark.start(STEP, 7, 1.0, 2.0), number=1000, repeat=20))

    assert best_s / 1000 < 10e-6
