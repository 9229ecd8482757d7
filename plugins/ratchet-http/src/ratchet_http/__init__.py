"""Ratchet plugin `http`: steps of kind `http`, which call an API.

Only the registration lives here. `handler` performs the steps, `config` reads their
`handler_config`, `judgement` says what an answer means.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import PluginServices, StepHandler, hookimpl
from ratchet_http.handler import HttpHandler

__all__ = ["HttpHandler", "ratchet_register_step_handlers"]


@hookimpl
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
    """Offer the step handler `http`."""
    return [HttpHandler()]
