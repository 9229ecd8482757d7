"""The ingest process: runs input sources, each on a thread of its own, and stores what they bring.

What a source fetches from is its plugin's affair; webhooks come in through the API server.
"""

from __future__ import annotations

from ratchet_core.ingest.run import run_ingest

__all__ = ["run_ingest"]
