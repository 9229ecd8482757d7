"""The lock of SQLite's writers: exclusive, freed by death, fair to those who wait."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ratchet_core.store.write_lock import PAUSE_S, WriteLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.lock"


def in_child(work: Callable[[Callable[[], object]], object]) -> int:
    """Fork a process that does the work and then stays until it is killed; return its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work(lambda: os.write(writer, b"x"))
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    return pid


def stay(say: Callable[[], object]) -> None:
    """Say that we are here, and stay."""
    say()
    signal.pause()


def hold_forever(path: Path) -> int:
    """Fork a process that holds the lock until it is killed."""

    def work(say: Callable[[], object]) -> None:
        with WriteLock(path).held(polite=False):
            say()
            signal.pause()

    return in_child(work)


def test_threads_of_one_process_exclude_each_other(path: Path) -> None:
    lock = WriteLock(path)
    inside: list[int] = []
    worst = 0

    def enter(number: int) -> None:
        nonlocal worst
        with lock.held(polite=bool(number % 2)):
            inside.append(number)
            worst = max(worst, len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(400)))

    assert worst == 1


def test_another_process_waits_and_the_death_of_the_holder_frees_the_lock(path: Path) -> None:
    holder = hold_forever(path)
    entered = threading.Event()

    def enter() -> None:
        with WriteLock(path).held(polite=False):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.1)
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)

    assert entered.wait(5)
    thread.join()


def test_a_forked_child_does_not_keep_the_lock_of_a_parent_that_dies(path: Path) -> None:
    def work(say: Callable[[], object]) -> None:
        os.setpgid(0, 0)
        with WriteLock(path).held(polite=False):
            in_child(stay)
            say()
            signal.pause()

    parent = in_child(work)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    free = threading.Event()

    def enter() -> None:
        with WriteLock(path).held(polite=False):
            free.set()

    thread = threading.Thread(target=enter)
    thread.start()
    is_free = free.wait(5)
    os.killpg(parent, signal.SIGKILL)
    thread.join(5)

    assert is_free


def test_a_forked_child_can_take_the_lock_that_a_thread_held_at_the_fork(path: Path) -> None:
    lock = WriteLock(path)
    with lock.held(polite=False):
        pid = os.fork()
        if pid == 0:
            free = lock._threads.acquire(timeout=2)  # the thread that held it is not here
            os._exit(0 if free else 1)

    assert os.waitpid(pid, 0)[1] == 0


def test_a_polite_writer_steps_aside_once_while_somebody_waits(path: Path) -> None:
    lock = WriteLock(path)
    with lock.held(polite=True):
        pass  # makes the files
    queue = os.open(path.with_name(path.name + ".queue"), os.O_RDWR)
    fcntl.flock(queue, fcntl.LOCK_SH)
    started = time.monotonic()

    with lock.held(polite=True):
        waited_s = time.monotonic() - started

    os.close(queue)
    assert waited_s >= PAUSE_S


def test_a_submit_leaves_the_queue_once_it_has_the_lock(path: Path) -> None:
    with WriteLock(path).held(polite=False):
        queue = os.open(path.with_name(path.name + ".queue"), os.O_RDWR)
        fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(queue)


def test_a_lock_that_nobody_uses_any_more_gives_its_files_back(path: Path) -> None:
    lock = WriteLock(path)
    with lock.held(polite=False):
        descriptors = lock._files or ()
    del lock
    gc.collect()

    assert len(descriptors) == 2
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
