"""Ratchet: tasks and workflows behind an API, with plugins.

Nothing is imported here: `import ratchet_core` stays cheap and no room depends on the façade.
"""

from __future__ import annotations

__version__ = "0.1.0"
