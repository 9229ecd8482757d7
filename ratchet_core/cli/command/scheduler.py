"""`ratchet scheduler`: the process that fires schedules."""

from __future__ import annotations

from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.start import logged, make_data_dir, parent_option
from ratchet_core.runtime import Ratchet
from ratchet_core.scheduler import run_scheduler
from ratchet_core.worker.process import die_with


@command("scheduler")
@parent_option
@pass_invocation
def scheduler(invocation: Invocation, parent: int | None) -> int:
    """Fire schedules until SIGTERM or Ctrl-C.

    One is enough; a second one on another host goes on when the first is gone. However many there
    are, each fire time makes one run.
    """
    if parent is not None:
        die_with(parent)
    settings = invocation.load().settings
    make_data_dir(settings)
    with logged(settings):
        runtime = Ratchet(settings, invocation.environ)
        runtime.prepare_database()
        try:
            return run_scheduler(runtime)
        finally:
            runtime.close()
