"""Keeps the secrets that an attempt was given out of everything that is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from ratchet_core.domain.outcome import Failed

#: What stands in a secret's place.
MARK: Final = "[secret]"
#: Shorter texts are no secrets, and would be found everywhere.
_SHORTEST: Final = 4


class Hidden:
    """The secrets of one attempt; none until they are named."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()

    def hide(self, secrets: Mapping[str, Any]) -> None:
        """Name the secrets."""
        texts = [text for text in secrets.values() if isinstance(text, str)]
        forms = {form for text in texts for form in (text, orjson.dumps(text)[1:-1].decode())}
        known = (form for form in forms if len(form) >= _SHORTEST)
        self._forms = tuple(sorted(known, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return a text, or JSON text, with every secret replaced."""
        for form in self._forms:
            text = text.replace(form, MARK)
        return text

    def cleaned(self, failed: Failed) -> Failed:
        """Return a failure with every secret replaced."""
        if not self._forms:
            return failed
        details = failed.details
        if details is not None:
            details = orjson.loads(self.clean(orjson.dumps(dict(details)).decode()))
        return replace(failed, message=self.clean(failed.message), details=details)
