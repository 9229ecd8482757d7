"""Semantic versions: parsing, order, and which of many is the latest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import total_ordering
from typing import Final

_SEMVER: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)

#: Longest version text we accept; more is an attack on the regular expression, not a version.
MAX_LENGTH: Final = 64


@total_ordering
class Version:
    """A semantic version (semver.org 2.0.0), ordered by its precedence rules."""

    __slots__ = ("_key", "prerelease", "release", "text")

    def __init__(self, text: str) -> None:
        match = _SEMVER.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            message = f"'{text[:MAX_LENGTH]}' is not a semantic version such as 1.0.0"
            raise ValueError(message)
        self.text = text
        self.prerelease = match[4] or ""
        self.release = (int(match[1]), int(match[2]), int(match[3]))
        self._key = (*self.release, *_precedence(self.prerelease))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def _precedence(prerelease: str) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    """Order pre-releases before the release, numbers before words (semver.org, item 11)."""
    if not prerelease:
        return (1, ())
    parts = prerelease.split(".")
    return (0, tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts))


def is_version(text: str) -> bool:
    """Tell whether `text` is a semantic version."""
    return len(text) <= MAX_LENGTH and _SEMVER.fullmatch(text) is not None


def latest(versions: Iterable[str]) -> str | None:
    """Return the highest release; a pre-release only where there is no release at all.

    Args:
        versions: texts that are semantic versions.

    Returns:
        One of them, or None when there is none (decisions.md section 2).
    """
    parsed = sorted(Version(text) for text in versions)
    releases = [version for version in parsed if not version.prerelease]
    return (releases or parsed)[-1].text if parsed else None
