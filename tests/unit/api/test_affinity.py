"""The threads of an API process stay on one processor, and go elsewhere where that is crowded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ratchet_core.app.affinity import better_place, idle_shares, may_gain, read_ticks

#: As Linux writes it: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
BEFORE = """\
cpu  20 0 20 350 10 0 0 0 0 0
cpu0 10 0 10 170 10 0 0 0 0 0
cpu1 10 0 10 180 0 0 0 0 0 0
intr 1 2 3
"""
AFTER = """\
cpu  120 0 20 440 20 0 0 0 0 0
cpu0 110 0 10 170 10 0 0 0 0 0
cpu1 10 0 20 260 10 0 0 0 0 0
cpu2 1 1 1 1 1 1 1 1 1 1
intr 1 2 3
"""
#: Starts threads before and after, and prints where each thread may run.
KEPT = """
import os, threading
from ratchet_core.app.affinity import keep_together
go = threading.Event()
first = threading.Thread(target=go.wait)
first.start()
keep_together()
second = threading.Thread(target=go.wait)
second.start()
threads = os.listdir("/proc/self/task")
print(*sorted({str(tuple(os.sched_getaffinity(int(thread)))) for thread in threads}))
go.set()
"""
linux_only = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="Linux has the call, other systems do not"
)


def allowed() -> set[int]:
    return set(os.sched_getaffinity(0)) if sys.platform == "linux" else set()


def run(code: str, tmp_path: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return ended.stdout.strip()


def test_idleness_is_read_per_processor() -> None:
    shares = idle_shares(read_ticks(BEFORE), read_ticks(AFTER))

    assert shares == {0: 0.0, 1: 0.9}


def test_nothing_is_told_of_a_time_in_which_no_tick_passed() -> None:
    assert idle_shares(read_ticks(BEFORE), read_ticks(BEFORE)) == {}


@pytest.mark.parametrize(
    ("idle", "place"),
    [
        pytest.param({0: 0.0, 1: 0.9, 2: 0.4}, 1, id="it is crowded: the idlest"),
        pytest.param({0: 0.0, 1: 0.2}, None, id="there is no room elsewhere either"),
        pytest.param({0: 0.3, 1: 0.9}, None, id="there is room where it is"),
        pytest.param({0: 0.0}, None, id="there is no other"),
        pytest.param({1: 0.9}, None, id="its own is not told of"),
        pytest.param({}, None, id="nothing is told"),
    ],
)
def test_a_process_moves_where_it_is_crowded_and_there_is_room(
    idle: dict[int, float], place: int | None
) -> None:
    assert better_place(0, idle) == place


def test_a_process_stays_that_does_little_or_has_its_processor_for_itself() -> None:
    assert [may_gain(used) for used in (0.1, 0.5, 0.9)] == [False, True, False]


@linux_only
@pytest.mark.skipif(len(allowed()) < 2, reason="this machine has one processor only")
def test_all_threads_of_a_process_are_kept_on_one_processor(tmp_path: Path) -> None:
    [place] = run(KEPT, tmp_path).splitlines()

    assert place in {str((number,)) for number in allowed()}


@linux_only
def test_where_only_one_processor_is_allowed_nothing_is_changed(tmp_path: Path) -> None:
    one = min(allowed())

    printed = run(f"import os; os.sched_setaffinity(0, {{{one}}})\n{KEPT}", tmp_path)

    assert printed == str((one,))
