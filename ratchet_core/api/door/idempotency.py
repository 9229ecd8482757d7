"""The `Idempotency-Key` header: same key and same request give the same run (decisions.md 2)."""

from __future__ import annotations

from typing import Final

from flask import Request

from ratchet_core.api.door.refusal import Malformed

HEADER: Final = "Idempotency-Key"
#: Longest key.
MAX_KEY: Final = 255


def idempotency_key(request: Request) -> str | None:
    """Return the key of this call, None where it has none.

    Raises:
        Malformed: it is empty, too long, or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        rule = f"must be 1 to {MAX_KEY} printable ASCII characters"
        raise Malformed(f"The header {HEADER} {rule}", {HEADER: [rule]})
    return key
