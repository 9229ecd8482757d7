"""Settings: declared once, read from defaults, one file, the environment and overrides.

What a setting does is up to the room that reads it. Nothing here opens, creates or logs anything.
"""

from __future__ import annotations

from ratchet_core.config.checks import (
    RateLimit,
    check_bind,
    effective_rate_limit,
    is_loopback,
)
from ratchet_core.config.collect import SettingWarning
from ratchet_core.config.describe import describe, explain
from ratchet_core.config.destination import DestinationSettings
from ratchet_core.config.load import LoadedSettings, load_settings
from ratchet_core.config.settings import Settings

__all__ = [
    "DestinationSettings",
    "LoadedSettings",
    "RateLimit",
    "SettingWarning",
    "Settings",
    "check_bind",
    "describe",
    "effective_rate_limit",
    "explain",
    "is_loopback",
    "load_settings",
]
