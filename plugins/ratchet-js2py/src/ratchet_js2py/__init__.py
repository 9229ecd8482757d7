"""Ratchet plugin `js2py`: steps of kind `js2py`, off by default.

Only the registration lives here. `handler` performs the steps, `process` talks to the process in
which a script runs, and `child` is what runs inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratchet_core.sdk import PluginServices, StepHandler, hookimpl
from ratchet_js2py.handler import Js2pyHandler

RATCHET_API = "~=1.0"

__all__ = ["Js2pyHandler", "ratchet_register_settings", "ratchet_register_step_handlers"]


@hookimpl
def ratchet_register_settings() -> Mapping[str, Any]:
    """Say what can be set."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {"allow_unsafe": {"type": "boolean", "default": False}},
    }


@hookimpl
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
    """Offer the step handler `js2py`; it refuses everything until it is allowed."""
    return [Js2pyHandler(allow_unsafe=bool(services.settings.get("allow_unsafe")))]
