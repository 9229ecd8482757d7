"""Options that only these destinations and sources have: what is wrong with them. Pure."""

from __future__ import annotations

from typing import Any, Final

_SCHEMES: Final = ("redis://", "rediss://", "unix://")


def url(value: Any) -> str | None:
    """Return what is wrong with the URL of a server."""
    is_url = isinstance(value, str) and value.startswith(_SCHEMES)
    return None if is_url else f"must start with {', '.join(_SCHEMES)}"
