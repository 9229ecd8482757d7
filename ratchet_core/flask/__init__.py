"""`ratchet_core.flask`: the doors inside somebody else's Flask application."""

from __future__ import annotations

from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.flask.extension import Ratchet

__all__ = ["Ratchet", "SubmitRequest"]
