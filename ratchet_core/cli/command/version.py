"""`ratchet version`: of Ratchet, of Python, of the plugins."""

from __future__ import annotations

import platform

import ratchet_core
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.hooks import load_plugins


@command("version")
@pass_invocation
def version(invocation: Invocation) -> None:
    """Show the versions of Ratchet, Python and the installed plugins."""
    _, states = load_plugins()
    plugins = {state.name: state.version for state in states}
    document = {
        "ratchet": ratchet_core.__version__,
        "python": platform.python_version(),
        "plugins": plugins,
    }
    if invocation.json:
        invocation.output.document(document)
        return
    invocation.output.line(f"ratchet {ratchet_core.__version__}")
    invocation.output.line(f"python {platform.python_version()}")
    for name, number in plugins.items():
        invocation.output.line(f"plugin {name} {number}")
