"""The marker that a plugin puts on its hook implementations, and the version of the contract."""

from __future__ import annotations

from typing import Final

from pluggy import HookimplMarker

#: Name of the entry-point group and of the pluggy project.
PROJECT: Final = "ratchet"
#: Version of the plugin contract; grows by a minor step with every addition.
#: 1.1: `option_check`.
API_VERSION: Final = "1.1"

#: Put it on functions named like a hook: `@hookimpl` above `def ratchet_register_…`.
hookimpl = HookimplMarker(PROJECT)
