"""The version range of the plugin contract that a plugin asks for: `RATCHET_API = ">=1.0,<2"`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

Parts = tuple[int, ...]

_CLAUSE: Final = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*(\d+(?:\.\d+)*)\s*\Z")
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def api_problem(wanted: object, version: str) -> str | None:
    """Return why a plugin does not fit a version of the contract; None where it does.

    Args:
        wanted: what the plugin says in `RATCHET_API`; None says nothing and fits.
        version: of the contract, such as `1.0`.
    """
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        return f"RATCHET_API is {type(wanted).__name__}, not a text such as '>=1.0,<2'"
    have = _parts(version)
    for clause in wanted.split(","):
        match = _CLAUSE.match(clause)
        if match is None:
            return f"RATCHET_API = '{wanted[:80]}' is no version range such as '>=1.0,<2'"
        if not _fits(have, match[1], _parts(match[2])):
            return (
                f"it asks for plugin API {wanted}, this is {version}; install a version that fits"
            )
    return None


def _fits(have: Parts, sign: str, wanted: Parts) -> bool:
    if sign == "~=":  # as PEP 440: at least that, and the same but for the last part
        return _padded(have) >= _padded(wanted) and have[: len(wanted) - 1] == wanted[:-1]
    return _OPERATORS[sign](_padded(have), _padded(wanted))


def _parts(version: str) -> Parts:
    return tuple(int(part) for part in version.split("."))


def _padded(parts: Parts) -> Parts:
    """Let 1.0 and 1 be the same."""
    return (*parts, *(0,) * (6 - len(parts)))
