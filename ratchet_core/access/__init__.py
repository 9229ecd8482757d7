"""Who calls and what that caller may do: permissions, roles, API keys, and the audit log.

HTTP is not known here: the doors hand in a `RequestView`, and turn the errors into answers.
"""

from __future__ import annotations

from ratchet_core.access.gate import Access
from ratchet_core.access.scope import ScopedReads

__all__ = ["Access", "ScopedReads"]
