"""Keeps secrets that a script was given out of everything that it gives back.

decisions.md section 11: a webhook's secret is "never stored, logged or returned".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

#: What stands in a secret's place.
MARK: Final = b"[secret]"
#: Shorter texts are no secrets, and would be found everywhere.
_MIN_LENGTH: Final = 4


class Redaction:
    """Replaces the secrets of one attempt in JSON text."""

    def __init__(self, secrets: Mapping[str, Any]) -> None:
        texts = {text for text in _texts(secrets) if len(text) >= _MIN_LENGTH}
        # The longest first, so that none is left in half by another that it contains.
        self._encoded = [
            orjson.dumps(text.encode("utf-8", "replace").decode())[1:-1]
            for text in sorted(texts, key=len, reverse=True)
        ]

    def clean(self, document: bytes) -> bytes:
        """Return the JSON text with every secret replaced."""
        for secret in self._encoded:
            document = document.replace(secret, MARK)
        return document


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        for item in value:
            yield from _texts(item)
