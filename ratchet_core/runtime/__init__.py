"""The composition root: one object that builds every part from the settings. No globals."""

from __future__ import annotations

from ratchet_core.runtime.ratchet import Ratchet

__all__ = ["Ratchet"]
