"""Durations in bodies: seconds as a JSON number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields


class Duration(fields.Float):
    """A finite number of seconds, not less than 0; which ones make sense is decided deeper."""

    def __init__(self, **options: Any) -> None:
        options["metadata"] = {"minimum": 0, **options.get("metadata", {})}
        super().__init__(**options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("must be a number of seconds")
        if not math.isfinite(value) or value < 0:
            raise ValidationError("must be a finite number of seconds, not less than 0")
        return float(value)
