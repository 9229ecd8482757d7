"""Reading one mapping of a document key by key, with errors that name the key and its line."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, Place

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)", re.ASCII)
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known word, or an empty text."""
    candidates = list(known)
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    match = difflib.get_close_matches(word.lower()[:200], by_lower, n=1, cutoff=0.6)
    if not match:
        tail = [c for c in candidates if word and (word in c or c in word)]
        return f"; did you mean '{tail[0]}'?" if tail else ""
    return f"; did you mean '{by_lower[match[0]]}'?"


def described(value: Any) -> str:
    """Return what a JSON value is, for an error; long texts are cut."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {'true' if value else 'false'}"
        case int() | float():
            return f"the number {value!r}"[:60]
        case str():
            return f"the text {value[:60]!r}"
        case list():
            return "a list"
        case _:
            return "a mapping"


class Fields:
    """One mapping of a document.

    Args:
        document: the file, for errors.
        value: the mapping, variables replaced.
        place: where it stands.
        moved: keys that stand elsewhere (an overlay put them in), to the place of their mapping.
    """

    def __init__(
        self,
        document: Document,
        value: Any,
        place: Place = (),
        moved: Mapping[str, Place] | None = None,
    ) -> None:
        self.document = document
        self.place = place
        self._moved = moved or {}
        if not isinstance(value, dict):
            raise document.error(f"expected a mapping of keys, found {described(value)}", place)
        self.value: dict[str, Any] = value

    def place_of(self, key: str) -> Place:
        """Return where the key stands."""
        return (*self._moved.get(key, self.place), key)

    def error(self, reason: str, key: str, *rest: str | int) -> DefinitionError:
        """Return an error about a key, or something below it."""
        return self.document.error(reason, (*self.place_of(key), *rest))

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse keys that nobody knows."""
        for key in self.value:
            if key not in known:
                raise self.error(f"unknown key '{key}'{nearest(key, known)}", key)

    def _of_type(self, key: str, kinds: type | tuple[type, ...], wanted: str) -> Any:
        value = self.value.get(key)
        if value is None:
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise self.error(f"expected {wanted}, found {described(value)}", key)
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value: str | None = self._of_type(key, str, "a text")
        return default if value is None else value

    def needed_text(self, key: str) -> str:
        """Return a text that must be there and not be empty."""
        if key not in self.value:
            raise self.document.error(f"the key '{key}' is missing", self.place)
        value = self.text(key)
        if not value:
            raise self.error(f"'{key}' must not be empty", key)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean; YAML 1.2 knows only `true` and `false`."""
        value: bool | None = self._of_type(key, bool, "true or false")
        return default if value is None else value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value: int | None = self._of_type(key, int, "a whole number")
        if value is None:
            return default
        if not low <= value <= high:
            raise self.error(f"{value} is not between {low} and {high}", key)
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        value: float | None = self._of_type(key, (int, float), "a number")
        if value is None:
            return default
        if math.isnan(value) or not low <= value <= high:
            raise self.error(f"{value} is not between {low:g} and {high:g}", key)
        return float(value)

    def duration_s(self, key: str) -> float | None:
        """Return a duration: a number of seconds, or a text such as `500ms`, `30s`, `5m`, `1h`."""
        value = self._of_type(key, (int, float, str), "seconds")
        if isinstance(value, str):
            match = _DURATION.fullmatch(value.strip())
            if match is None:
                reason = f"{value[:60]!r} is no duration; write seconds, or such as '30s' or '5m'"
                raise self.error(reason, key)
            value = float(match[1]) * _UNITS_S[match[2]]
        if value is not None and not 0 < value <= 30 * 86_400:
            raise self.error(f"{value:g} is no timeout; use seconds above 0 and up to 30 days", key)
        return None if value is None else float(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a mapping; an empty one where the key is missing."""
        return self._of_type(key, dict, "a mapping of keys") or {}

    def items(self, key: str) -> list[Any]:
        """Return a list; an empty one where the key is missing."""
        return self._of_type(key, list, "a list") or []

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one text alone counts as a list of one."""
        value = self.value.get(key)
        if isinstance(value, str):
            return (value,)
        items = self.items(key)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self.error(f"expected a text, found {described(item)}", key, index)
        return tuple(items)

    def version(self, default: str) -> str:
        """Return the version; a number is refused, since 1.10 would be read as 1.1."""
        value = self.value.get("version")
        if value is not None and not isinstance(value, str):
            reason = (
                f"the version must be a text, found {described(value)}; "
                'quote it, as in version: "2.1.0"'
            )
            raise self.error(reason, "version")
        return self.text("version", default)
