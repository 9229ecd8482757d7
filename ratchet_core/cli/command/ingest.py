"""`ratchet ingest`: the process that fetches messages and makes runs of them."""

from __future__ import annotations

import logging
import os

from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.start import logged, make_data_dir, parent_option
from ratchet_core.ingest import run_ingest
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.process import die_with


@command("ingest")
@parent_option
@pass_invocation
def ingest(invocation: Invocation, parent: int | None) -> int:
    """Run the input sources that fetch, such as queues, until SIGTERM or Ctrl-C.

    They are those of `input.sources`. Any number may run, on any hosts: brokers share the messages
    out, and each message makes one run. Webhooks come in through `ratchet serve`.
    """
    if parent is not None:
        die_with(parent)
    settings = invocation.load().settings
    make_data_dir(settings)
    with logged(settings):
        runtime = Ratchet(settings, invocation.environ)
        runtime.prepare_database()
        try:
            left = run_ingest(runtime)
        finally:
            runtime.close()
        if left:  # a thread that never returns must not keep the process
            logging.shutdown()
            os._exit(0)
    return 0
