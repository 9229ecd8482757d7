"""Ratchet plugin `filesystem`: outputs become files, or lines of the standard streams.

Only the registration lives here. `file` writes files, `stream` writes lines, `formats` turns an
output into text.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import OutputDestination, PluginServices, hookimpl
from ratchet_filesystem.file import FilesystemDestination
from ratchet_filesystem.stream import StdioDestination

__all__ = ["FilesystemDestination", "StdioDestination", "ratchet_register_output_destinations"]


@hookimpl
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:
    """Offer the output destinations `filesystem` and `stdio`."""
    return [FilesystemDestination(), StdioDestination()]
