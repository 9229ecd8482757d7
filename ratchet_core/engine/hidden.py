"""Keeps the secrets that an attempt was given out of everything that is stored of it.

An attempt at a step is given those of its run, an attempt at a delivery those of its destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        self.hide_texts([text for text in secrets.values() if isinstance(text, str)])

    def hide_texts(self, texts: Iterable[str]) -> None:
        """Name the secrets, which have no names of their own."""
        forms = {form for text in texts for form in (text, orjson.dumps(text)[1:-1].decode())}
        known = (form for form in forms if len(form) >= _SHORTEST)
        self._forms = tuple(sorted(known, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return a text, or JSON text, with every secret replaced."""
        for form in self._forms:
            text = text.replace(form, MARK)
        return text

    def clean_value(self, value: Any) -> Any:
        """Return a JSON value with every secret in its texts replaced, those of its keys too."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {self.clean(str(key)): self.clean_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_value(item) for item in value]
        return value

    def cleaned(self, failed: Failed) -> Failed:
        """Return a failure with every secret replaced."""
        if not self._forms:
            return failed
        details = failed.details
        if details is not None:
            details = orjson.loads(self.clean(orjson.dumps(dict(details)).decode()))
        return replace(failed, message=self.clean(failed.message), details=details)
