"""Keeps the threads of an API process together on one processor.

Python runs one of them at a time. Where they wander over several processors, each turn wakes a
sleeper somewhere else and finds cold caches there (decision 0040).
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Pause between two looks whether somebody else works on the same processor.
_LOOK_S: Final = 1.0

_STAT: Final = Path("/proc/stat")
_THREADS: Final = Path("/proc/self/task")
#: A process that uses less of its processor than this has nothing to gain elsewhere.
_LITTLE: Final = 0.2
#: One that uses more than this has its processor for itself.
_MUCH: Final = 0.8
#: A processor that idles less than this has no room, one that idles more than `_ROOMY` has.
_FULL: Final = 0.1
_ROOMY: Final = 0.3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ticks:
    """What a processor has done since the machine was started."""

    idle: int
    total: int


def keep_together() -> None:
    """Keep the threads of this process on one processor from now on; call it before others start.

    Does nothing where there is one processor only, or no system call for it (outside of Linux).
    """
    allowed = _allowed()
    if len(allowed) <= 1 or not _STAT.exists():
        return
    here = random.choice(sorted(allowed))  # noqa: S311 - no secret
    _move(here)
    looking = threading.Thread(
        target=_look_around, args=(here, allowed), name="ratchet-affinity", daemon=True
    )
    looking.start()


def may_gain(used: float) -> bool:
    """Tell whether a process may want another processor that ran for such a share of a while."""
    return _LITTLE < used < _MUCH


def better_place(here: int, idle: Mapping[int, float]) -> int | None:
    """Return where there is room for a process that is crowded where it is; None: it stays.

    Args:
        here: its processor.
        idle: share of the last while that each processor was idle, 0 to 1.
    """
    if idle.get(here, 1.0) > _FULL:
        return None
    others = {place: share for place, share in idle.items() if place != here}
    best = max(others, key=others.__getitem__, default=None)
    return best if best is not None and others[best] > _ROOMY else None


def idle_shares(before: Mapping[int, _Ticks], after: Mapping[int, _Ticks]) -> dict[int, float]:
    """Return which share of the time between two readings each processor was idle."""
    return {
        place: (now.idle - before[place].idle) / (now.total - before[place].total)
        for place, now in after.items()
        if place in before and now.total > before[place].total
    }


def read_ticks(text: str) -> dict[int, _Ticks]:
    """Read what `/proc/stat` says of each processor."""
    found = {}
    for line in text.splitlines()[1:]:  # the first one is of all together
        if not line.startswith("cpu"):
            break
        name, *numbers = line.split()
        ticks = [int(number) for number in numbers[:8]]  # what follows is counted in these
        found[int(name.removeprefix("cpu"))] = _Ticks(ticks[3] + ticks[4], sum(ticks))
    return found


def _look_around(here: int, allowed: frozenset[int]) -> None:
    at_s, used_s = time.monotonic(), time.process_time()
    ticks: dict[int, _Ticks] | None = None
    while True:
        time.sleep(_LOOK_S)
        since_s, at_s = at_s, time.monotonic()
        before_s, used_s = used_s, time.process_time()
        if not may_gain((used_s - before_s) / (at_s - since_s)):
            ticks = None  # the file takes long to read where there are many processors
            continue
        before, ticks = ticks, _read()
        if before is None:
            continue
        idle = idle_shares(before, ticks)
        place = better_place(here, {key: idle[key] for key in idle.keys() & allowed})
        # of several processes that are crowded in one place, not all go to the same other one
        if place is not None and random.choice((True, False)):  # noqa: S311
            _move(place)
            here = place


def _read() -> dict[int, _Ticks]:
    return read_ticks(_STAT.read_text(encoding="ascii"))


def _allowed() -> frozenset[int]:
    if not hasattr(os, "sched_getaffinity"):
        return frozenset()
    return frozenset(os.sched_getaffinity(0))


def _move(place: int) -> None:
    """Move all threads; those that they start from now on are there from the beginning."""
    for _ in range(2):  # one that was not moved yet may have started others meanwhile
        for thread in _THREADS.iterdir():
            try:
                os.sched_setaffinity(int(thread.name), {place})
            except ProcessLookupError:  # it has ended meanwhile
                continue
            except OSError as error:  # the processor was taken away meanwhile
                _log.debug("threads cannot be kept on processor %d: %s", place, error)
                return
