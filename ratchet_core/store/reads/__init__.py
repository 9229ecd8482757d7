"""The read queries: one for each question that the doors ask, answered with frozen views."""

from __future__ import annotations

from ratchet_core.store.reads.journal import JournalStart
from ratchet_core.store.reads.reads import Reads

__all__ = ["JournalStart", "Reads"]
