"""What an RQ worker of ours needs to host drains: marks, watching, and releases that are owed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from ratchet_core.worker.chore import OwedReleases, Owner
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.process import Ended, Switch, die_with, wait_for_end
from ratchet_core.worker.watch import Watch, WatchOptions

#: The parent looks at the clock of a horse this often.
LOOK_S: Final = 0.1
#: A worker waits this long for a release before it goes on and sees to it later.
_RELEASE_S: Final = 2.0


class HorseKeeper:
    """Looks after the work-horses of one RQ worker, one at a time; a `dispatch` Keeper.

    Args:
        runtime: warm; its connections are closed before each fork.
        options: times that the parent goes by.
        run: runs a drain in the horse.
    """

    def __init__(
        self, runtime: Owner, options: WatchOptions, run: Callable[[Mark, Switch], object]
    ) -> None:
        self._runtime = runtime
        self._options = options
        self._run = run
        self._mark = Mark()
        self._switch = Switch()
        self._watch: Watch | None = None
        self._parent_pid = os.getpid()
        self._owed = OwedReleases(runtime, 2 * options.lease_s)

    def before_fork(self) -> None:
        """Make a new mark, and leave nothing open that a child must not share."""
        self._mark = Mark()
        self._watch = None
        self._parent_pid = os.getpid()
        self._runtime.dispose_pools()

    def in_horse(self) -> None:
        """In the work-horse: drop the parent's connections, end with the parent."""
        self._switch.take_signals()
        self._runtime.forget_connections()
        die_with(self._parent_pid)

    def drain(self) -> None:
        """In the work-horse: run a drain."""
        self._run(self._mark, self._switch)

    def watch(self, pid: int, timeout_s: float) -> Ended | None:
        """Wait for the horse's end, kill it at a step's deadline, release what it held."""
        watch = self._watch
        if watch is None:
            watch = self._watch = Watch(self._runtime, self._mark, pid, self._options)
        until = time.monotonic() + timeout_s
        while (ended := wait_for_end(pid, LOOK_S)) is None:
            now = time.monotonic()
            watch.look(now)
            self._owed.settle()
            if now >= until:
                return None
        watch.end()
        status = ended[1]
        if watch.must_release(status):
            self._owed.add(lambda: watch.release(status))
            self._owed.settle_within(_RELEASE_S)
        return ended

    def rest(self) -> None:
        """Without a horse: finish what a database that was away has left undone."""
        self._owed.settle()
