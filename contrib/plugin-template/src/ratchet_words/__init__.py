"""Ratchet plugin `words`: only the registration lives here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratchet_core.sdk import PluginServices, StepHandler, hookimpl
from ratchet_words.handler import WordsHandler

__all__ = [
    "WordsHandler",
    "ratchet_register_settings",
    "ratchet_register_step_handlers",
]

#: The versions of Ratchet's plugin contract that this plugin works with.
RATCHET_API = "~=1.0"


@hookimpl
def ratchet_register_settings() -> Mapping[str, Any]:
    """Describe `plugins.settings.words` as a JSON Schema; Ratchet checks and fills in."""
    longest = {"type": "integer", "minimum": 1, "default": 10_000}
    return {"type": "object", "properties": {"longest": longest}, "additionalProperties": False}


@hookimpl
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
    """Offer the step handler `words`; `services.settings` holds the plugin's settings."""
    return (WordsHandler(services.settings["longest"]),)
