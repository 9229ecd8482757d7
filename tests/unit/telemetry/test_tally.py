from __future__ import annotations

import os
import threading

from ratchet_core.telemetry import tally as module
from ratchet_core.telemetry.tally import Tally


def _forked(work: object) -> None:
    """Do `work` in a child process that ends without any farewell."""
    pid = os.fork()
    if pid == 0:
        assert callable(work)
        work()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_a_process_counted_outlives_it() -> None:
    tally = Tally(2)
    tally.add({0: 1.0})

    for _ in range(5):
        _forked(lambda: tally.add({0: 1.0, 1: 0.5}))

    assert tally.totals() == [6.0, 2.5]


def test_more_processes_than_rows_one_after_the_other_lose_nothing() -> None:
    tally = Tally(1)

    for _ in range(module.ROWS + 20):
        _forked(lambda: tally.add({0: 1.0}))

    assert tally.totals() == [module.ROWS + 20.0]


def test_processes_side_by_side_lose_nothing() -> None:
    tally = Tally(1)
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            for _ in range(500):
                tally.add({0: 1.0})
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)

    assert tally.totals() == [4000.0]


def test_threads_of_one_process_lose_nothing() -> None:
    tally = Tally(1)

    def count() -> None:
        for _ in range(2000):
            tally.add({0: 1.0})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tally.totals() == [8000.0]
