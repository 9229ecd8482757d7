"""Calls that are bounded: whose threads count, and what of the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ratchet_core.egress.resolve import resolve
from ratchet_core.egress.target import parse_url
from ratchet_core.hooks import Hooks, load_plugins
from ratchet_core.hooks.bounded import NoThread, OverBudget, ThreadsLeft, call_bounded
from tests.unit.hooks.plugin_house import HANDLER, Shelf, no_threads, services, states_of
from tests.waiting import wait_for

BUDGET_S = 20.0
#: Prints a word, waits for a line, and may take a second and a half for both.
READS_A_LINE = """
import sys
from ratchet_core.hooks import Hooks, load_plugins
from ratchet_core.hooks.bounded import call_bounded

def read():
    print("begun", flush=True)
    return sys.stdin.readline()

print("returned", call_bounded(read, 1.5))
"""
BURN = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nprint(flush=True)\n"


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Give what the threads of a test wait for."""
    event = threading.Event()
    yield event
    event.set()


def start(target: Callable[[], object], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def test_a_thread_that_somebody_else_starts_meanwhile_is_not_the_calls(
    over: threading.Event,
) -> None:
    """As a server does, which starts threads for its requests while a plugin registers."""
    going, started = threading.Event(), threading.Event()

    def others() -> None:
        going.wait()
        start(over.wait, "a request")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(started.set)
            over.wait()

    def function() -> str:
        going.set()
        started.wait()
        return "answer"

    start(others, "a server")

    assert call_bounded(function, BUDGET_S) == "answer"


def test_two_calls_at_once_are_told_apart(over: threading.Event) -> None:
    both = threading.Barrier(2)

    def tidy() -> str:
        both.wait()
        both.wait()
        return "answer"

    def leaving() -> None:
        both.wait()
        start(over.wait, "left")
        both.wait()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call_bounded, tidy, BUDGET_S)
        second = pool.submit(call_bounded, leaving, BUDGET_S)

        assert first.result() == "answer"
        with pytest.raises(ThreadsLeft, match="running: left;"):
            second.result()


def test_a_thread_of_a_thread_of_the_call_is_the_calls(over: threading.Event) -> None:
    def function() -> None:
        start(lambda: start(over.wait, "grandchild"), "child").join()

    with pytest.raises(ThreadsLeft, match="running: grandchild;"):
        call_bounded(function, BUDGET_S)


def test_a_thread_that_has_done_its_work_gets_the_time_to_end() -> None:
    def function() -> None:
        asked = threading.current_thread()

        def end_later() -> None:
            asked.join()
            sum(range(5_000_000))  # is still at it when the call has ended

        start(end_later, "about to end")

    call_bounded(function, BUDGET_S)


def test_a_look_up_of_ours_that_goes_on_is_not_the_calls(over: threading.Event) -> None:
    def silent(*_: object, **__: object) -> list[Any]:
        over.wait()
        return []

    def function() -> str:
        with pytest.raises(TimeoutError):
            resolve(silent, parse_url("http://nowhere.example/"), time.monotonic())
        return "answer"

    assert call_bounded(function, BUDGET_S) == "answer"


def test_afterwards_threads_start_as_before(over: threading.Event) -> None:
    plain = threading.Thread.start

    call_bounded(lambda: None, BUDGET_S)
    with pytest.raises(OverBudget):
        call_bounded(over.wait, 0.1)

    assert threading.Thread.start is plain


def test_a_call_that_waits_is_over_its_budget_in_time(over: threading.Event) -> None:
    began = time.monotonic()

    with pytest.raises(OverBudget, match=r"after 0\.3 s"):
        call_bounded(over.wait, 0.3)

    assert 0.3 <= time.monotonic() - began < 10.0


def test_time_for_which_the_process_was_stopped_does_not_count() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", READS_A_LINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_for(lambda: time.monotonic() - stopped > 2.0, "more than the budget to pass")
        process.send_signal(signal.SIGCONT)
        answer, _ = process.communicate("line\n", timeout=30)

    assert answer == "returned line\n\n"


@pytest.fixture
def crowded_processor() -> Iterator[int]:
    """Give the number of a processor that six processes keep busy."""
    processor = min(os.sched_getaffinity(0))
    command = [sys.executable, "-c", f"{BURN}while True: pass", str(processor)]
    burning = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    for process in burning:
        assert process.stdout is not None
        process.stdout.readline()
    yield processor
    for process in burning:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who waits")
def test_time_for_which_a_call_waits_for_a_processor_does_not_count(
    crowded_processor: int,
) -> None:
    def function() -> float:
        os.sched_setaffinity(0, {crowded_processor})  # of this thread alone
        began = time.monotonic()
        until = time.thread_time() + 0.4
        while time.thread_time() < until:
            pass
        return time.monotonic() - began

    took_s = call_bounded(function, 1.0)

    assert took_s > 1.5, "the processor was not crowded"


def test_where_no_thread_can_be_had_nobody_is_to_blame(shelf: Shelf) -> None:
    """The caller hears the reason; no plugin is quarantined for it."""
    schema = "@hookimpl\ndef ratchet_register_settings():\n    return {}\n"
    plugin = shelf.put("good", schema + HANDLER)
    manager, states = load_plugins(found=[plugin])
    hooks = Hooks(manager, states)

    for call in (
        lambda: load_plugins(found=[plugin]),
        lambda: Hooks(manager, states),
        lambda: hooks.register_step_handlers(services),
    ):
        with no_threads(), pytest.raises(NoThread, match="can't start new thread"):
            call()

    assert states_of(hooks) == {"good": "active"}
    assert list(hooks.register_step_handlers(services)) == ["shout"]
