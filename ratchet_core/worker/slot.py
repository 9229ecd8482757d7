"""One worker slot of a supervisor: a child process that runs a drain, itself or through RQ."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ratchet_core.worker.process import kill_group
from ratchet_core.worker.watch import Watch


class Mode(StrEnum):
    """How a slot runs its drain."""

    OWN = "own"  #: the child is the work-horse
    HOSTED = "hosted"  #: the child is an RQ worker that forks the work-horse
    CARE = "care"  #: the child does maintenance and runs no drain
    DELIVER = "deliver"  #: the child brings outputs to their destinations
    PUBLISH = "publish"  #: the child tells subscribers of events


#: Children that run no drain: there is one of each, whatever the number of workers.
ATTENDANTS: Final = frozenset({Mode.CARE, Mode.DELIVER, Mode.PUBLISH})


@dataclass(slots=True, eq=False)
class Slot:
    """What the supervisor knows about one child."""

    number: int  #: from 1
    mode: Mode = Mode.OWN  #: of the child that lives, or lived last
    pid: int | None = None  #: of the child; None while there is none
    watch: Watch | None = None  #: looks after the child, where it is a work-horse
    started: float = 0.0  #: on `time.monotonic()`
    start_at: float = 0.0  #: not before
    deaths: int = 0  #: crashes in a row
    is_done: bool = False  #: no child is wanted any more
    is_leaving: bool = field(default=False)  #: was asked to end

    def born(self, mode: Mode, pid: int, watch: Watch | None) -> None:
        """Note a new child."""
        self.mode, self.pid, self.watch = mode, pid, watch
        self.started = time.monotonic()
        self.is_leaving = False

    def ask_to_end(self) -> None:
        """Ask the child to end warm; once more, and an RQ worker ends cold."""
        self.is_leaving = True
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def end_cold(self) -> None:
        """End the child now; what its horse holds is released afterwards."""
        if self.pid is None:
            return
        if self.mode is Mode.HOSTED:
            self.ask_to_end()  # it takes its horse down and releases itself
        else:
            kill_group(self.pid)
