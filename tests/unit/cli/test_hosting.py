"""The parts of `ratchet up`, with real processes and real signals."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path

from ratchet_core.cli.hosting.definitions import Watching
from ratchet_core.cli.hosting.part import BACKOFF_S, Part
from ratchet_core.config import Settings
from ratchet_core.config.definitions import RegistrySettings, SourceSettings
from ratchet_core.worker.wakeup import Wakeup
from tests.waiting import wait_for

#: A command line that is refused at once.
REFUSED = ["no-such-command"]


def has_died(part: Part) -> bool:
    return not part.is_running


def test_a_part_that_dies_is_started_again_later_each_time(tmp_path: Path) -> None:
    part = Part("a part", REFUSED, {**os.environ, "RATCHET_DATA_DIR": str(tmp_path)})
    now = 100.0
    part.care(now)

    for wait_s in BACKOFF_S[:3]:
        wait_for(lambda: has_died(part), "the process to end")
        if wait_s:
            part.care(now)  # notes the death
            part.care(now + wait_s - 0.1)
            assert not part.is_running
        part.care(now + wait_s)
        now += wait_s
        assert part.last_exit == 2
    part.kill()


def test_a_part_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    part = Part("a part", REFUSED, {**os.environ, "RATCHET_DATA_DIR": str(tmp_path)})
    part.care(0.0)

    part.kill()

    assert not part.is_running


def test_a_signal_is_counted_and_wakes_at_once() -> None:
    with Wakeup() as wakeup:
        os.kill(os.getpid(), signal.SIGTERM)
        started = time.monotonic()
        wakeup.wait(30.0)

        assert wakeup.asked == 1
        assert time.monotonic() - started < 10


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with Wakeup():
        pass

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_change_is_told_once_it_has_settled(tmp_path: Path) -> None:
    registry = RegistrySettings(paths=(tmp_path,))
    watching = Watching(dataclasses.replace(Settings(), registry=registry))
    assert not watching.changed(0.0)
    (tmp_path / "a.js").write_text("1", encoding="utf-8")

    noticed = [watching.changed(now) for now in (1.0, 1.2, 1.6, 2.2, 3.0)]

    assert noticed == [frozenset()] * 2 + [noticed[2], noticed[3], frozenset()]
    assert noticed[2] | noticed[3] == {tmp_path / "a.js"}


def test_a_source_that_is_not_to_be_watched_is_not(tmp_path: Path) -> None:
    source = SourceSettings(name="s", uri=str(tmp_path), watch=False)
    registry = RegistrySettings(sources=(source,))
    watching = Watching(dataclasses.replace(Settings(), registry=registry))
    watching.changed(0.0)
    (tmp_path / "a.js").write_text("1", encoding="utf-8")

    assert not any(watching.changed(now) for now in (1.0, 2.0, 3.0))
