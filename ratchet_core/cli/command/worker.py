"""`ratchet worker`: the worker processes of this host."""

from __future__ import annotations

import click

from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.start import logged, make_data_dir, parent_option
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.process import die_with
from ratchet_core.worker.run import run_worker


@command("worker")
@click.option("--slots", type=click.IntRange(1, 1024), help="Number of worker processes.")
@click.option("--queues", help="Comma-separated, the most important first.")
@click.option("--burst", is_flag=True, help="End when nothing is ready.")
@parent_option
@pass_invocation
def worker(
    invocation: Invocation,
    slots: int | None,
    queues: str | None,
    parent: int | None,
    *,
    burst: bool,
) -> int:
    """Run steps until SIGTERM or Ctrl-C; a second one does not wait for those that run.

    The code of step handlers is that of RATCHET_PATH and the plugins on this host.
    """
    if parent is not None:
        die_with(parent)
    loaded = invocation.load({"worker.worker_count": slots, "worker.queues": queues})
    settings = loaded.settings
    make_data_dir(settings)
    with logged(settings):
        runtime = Ratchet(settings, invocation.environ)
        runtime.prepare_database()
        for problem in runtime.handlers.problems:
            invocation.output.warn(problem.message)
        try:
            return run_worker(runtime, slots=slots or settings.worker_processes, burst=burst)
        finally:
            runtime.close()
