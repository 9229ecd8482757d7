"""`ratchet serve`: the API server alone, over a database that workers elsewhere share."""

from __future__ import annotations

from collections.abc import Callable

import click

from ratchet_core.app import run_server
from ratchet_core.app.server import ServerOptions
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.start import logged, make_data_dir, parent_option
from ratchet_core.cli.sync_report import print_sync, refuse_broken_definitions
from ratchet_core.config import check_bind
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.process import die_with


@command("serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=16, help="Of each process.")
@parent_option
@pass_invocation
def serve(
    invocation: Invocation,
    host: str | None,
    port: int | None,
    processes: int,
    threads: int,
    parent: int | None,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C. Workers are other processes: `ratchet worker`.

    Definitions of files are stored where they are new; a version that has changed keeps its stored
    content here (`ratchet workflows sync --replace` replaces it).
    """
    if parent is not None:
        die_with(parent)
    loaded = invocation.load({"server.bind_address": host, "server.port": port})
    settings = loaded.settings
    check_bind(settings)
    make_data_dir(settings)
    with logged(settings):
        runtime = Ratchet(settings, invocation.environ)
        runtime.prepare_database()
        runtime.check_destinations()
        runtime.inputs.check()
        if parent is None:  # `ratchet up` has stored them
            _store_definitions(invocation, runtime)
        options = ServerOptions(
            processes=processes,
            threads=threads,
            on_ready=None if parent is not None else _announcement(invocation),
        )
        run_server(runtime, options)


def _store_definitions(invocation: Invocation, runtime: Ratchet) -> None:
    loaded, report = runtime.sync_definitions(on_change="refuse")
    refuse_broken_definitions(runtime.settings, loaded)
    if not invocation.json:
        print_sync(invocation.output, loaded, report)
    for handler in runtime.handlers.made():
        handler.close()  # checking definitions may have started processes; serving needs none


def _announcement(invocation: Invocation) -> Callable[[str, int], None]:
    def announce(host: str, port: int) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if invocation.json:
            invocation.output.document({"url": url})
        else:
            invocation.output.line(f"serving {url}")

    return announce
