"""Ratchet plugin `javascript`: steps of kind `javascript`, run in a sandbox process.

Only the registration lives here. `handler` performs the steps, `pool` keeps the processes,
`exchange` talks to one, and `sandbox` is what runs inside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import PluginServices, StepHandler, hookimpl
from ratchet_javascript.handler import JavaScriptHandler
from ratchet_javascript.script import Limits

__all__ = ["JavaScriptHandler", "Limits", "ratchet_register_step_handlers"]


@hookimpl
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
    """Offer the step handler `javascript`."""
    return [JavaScriptHandler(Limits.from_settings(services.settings))]
