"""Who dies with whom, and work for a parent that must not wait."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from ratchet_core.worker.chore import OwedReleases
from ratchet_core.worker.process import Switch, die_with
from tests.waiting import wait_for


def tell_of_death(writer: int, parent_pid: int) -> None:
    """In a grandchild: say who we are, and once our parent has died so."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.write(writer, b"told"))
    die_with(parent_pid)
    os.write(writer, str(os.getpid()).encode())
    signal.pause()


def test_a_child_hears_at_once_that_its_parent_has_died() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        try:
            parent_pid = os.getpid()
            if os.fork() == 0:
                tell_of_death(writer, parent_pid)
            else:
                signal.pause()
        finally:
            os._exit(0)
    os.close(writer)
    child = int(os.read(reader, 16))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    told = os.read(reader, 16) if poll.poll(10_000) else b""
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)

    assert told == b"told"


def test_what_was_asked_before_there_is_a_drain_is_handed_on() -> None:
    switch, heard = Switch(), list[str]()
    switch.ask()
    switch.connect(lambda: heard.append("asked"))

    assert heard == ["asked"]


class Shared:
    """A count in memory that forked children share."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def add(self) -> int:
        self._page[0] += 1
        return self._page[0]

    @property
    def count(self) -> int:
        return self._page[0]


@pytest.fixture
def owner() -> Any:
    """Give the part of a runtime that releases need: nothing is open here."""
    nothing = lambda: None  # noqa: E731
    return SimpleNamespace(dispose_pools=nothing, forget_connections=nothing)


def test_a_release_that_fails_ends_nobody_and_is_tried_again(owner: Any) -> None:
    tries, owed = Shared(), OwedReleases(owner, patience_s=30.0)

    def release() -> None:
        if tries.add() < 2:
            raise ConnectionError("the database is away")

    owed.add(release)
    wait_for(lambda: settled(owed), "the release")

    assert tries.count == 2


def settled(owed: OwedReleases) -> bool:
    owed.settle()
    return owed.is_empty


def test_a_release_that_waits_holds_its_parent_up_no_longer_than_told(owner: Any) -> None:
    owed = OwedReleases(owner, patience_s=3.0)
    owed.add(signal.pause)
    started = time.monotonic()
    owed.settle_within(0.1)
    waited_s = time.monotonic() - started
    wait_for(lambda: settled(owed), "the release to be given up")

    assert 0.1 <= waited_s < 2.5
