"""Priorities at the doors: whole numbers, higher is sooner, or one of four words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError

from ratchet_core.api.door.field import Json

#: The words and the numbers that they mean.
WORDS: Final = MappingProxyType({"low": -10, "normal": 0, "high": 10, "urgent": 20})
#: Bounds of a number, both included.
BOUND: Final = 1000
#: A number or a word, as it stands among others in a parameter.
PATTERN: Final = "^(" + "|".join(["-?[1-9][0-9]{0,2}", "-?1000", "0", *WORDS]) + ")$"


class Priority(Json):
    """A number between -1000 and 1000, or low, normal, high or urgent."""

    def __init__(self, **options: Any) -> None:
        either = {
            "oneOf": [
                {"type": "integer", "minimum": -BOUND, "maximum": BOUND},
                {"type": "string", "enum": list(WORDS)},
            ]
        }
        options["metadata"] = {**either, **options.get("metadata", {})}
        super().__init__(**options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> int:
        if isinstance(value, str) and value in WORDS:
            return WORDS[value]
        number = _as_number(value)
        if number is None or abs(number) > BOUND:
            words = ", ".join(WORDS)
            raise ValidationError(f"must be {words}, or a number between -{BOUND} and {BOUND}")
        return number


def _as_number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.removeprefix("-") if isinstance(value, str) else ""
    return int(value) if text.isascii() and text.isdigit() and len(text) < len("10000") else None
