"""The plugin system: specifications, a typed façade, loading, isolation and quarantine.

pluggy is used here and nowhere else but for the marker in `sdk`.
"""

from __future__ import annotations

from ratchet_core.hooks.calls import Calls
from ratchet_core.hooks.facade import Hooks
from ratchet_core.hooks.loading import GivenPlugin, LoadOptions, load_plugins
from ratchet_core.hooks.state import PluginState

__all__ = ["Calls", "GivenPlugin", "Hooks", "LoadOptions", "PluginState", "load_plugins"]
