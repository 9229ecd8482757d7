"""The application: every door over one runtime, and the server that serves it."""

from __future__ import annotations

from ratchet_core.app.factory import create_app
from ratchet_core.app.server import run_server

__all__ = ["create_app", "run_server"]
