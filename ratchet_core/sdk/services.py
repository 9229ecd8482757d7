"""What a plugin is given when it registers something: small, frozen, the same in every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ratchet_core.sdk.http import HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginServices:
    """The outside world, as far as a plugin may reach it."""

    settings: Mapping[str, Any] = field(default_factory=dict)  #: the plugin's own settings
    http: HttpClient  #: obeys the egress policy
    data_dir: Path  #: directory for the plugin's files; may not exist yet
    max_duration_s: float = 300.0  #: default time limit of an attempt
