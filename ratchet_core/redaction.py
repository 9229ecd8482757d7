"""What counts as a secret, and how it is masked: the one place that knows.

It stands beside `errors`, below `config` and `telemetry`, because both must agree on it. What is
logged or shown is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MASK: Final = "********"
MAX_DEPTH: Final = 32

_SECRET_NAME: Final = re.compile(
    r"passw|secret|token|authorization|api_?key|apikey|cookie|credential|private_?key|signing_?key"
    r"|access_?key|jwt|bearer|passphrase",
)
#: Names that speak about a secret without being one: `token_expiration`, `token_count`.
_ABOUT_A_SECRET: Final = re.compile(
    r"(_s|_seconds|_ms|_at|_count|_bytes|_expiration|_ttl|_type|_class|_name|_algorithm|_limit"
    r"|tokens|_enabled|_file|_path)$",
)
#: Words one of which stands in a text that a pattern fits, the pattern, and what takes its place.
#: Looking for words costs little, and most texts have none.
_IN_TEXT: Final = (
    # user:password@ in a URL
    (
        ("://",),
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://[^\s/?#@:]*:)[^\s/?#]*@"),
        rf"\1{MASK}@",
    ),
    # credentials of an Authorization header
    (
        ("bearer", "basic", "apikey"),
        re.compile(r"(?i)\b(bearer|basic|apikey)\s{1,3}[a-z0-9._~+/=-]{4,}"),
        rf"\1 {MASK}",
    ),
    # a JSON Web Token that stands alone
    (("eyj",), re.compile(r"\beyJ[\w-]{5,2000}\.[\w-]+(?:\.[\w-]*)?"), MASK),
    # whsec_… and the like
    (
        ("whsec_", "sk_live_", "ghp_", "glpat-", "rts_"),
        re.compile(r"\b(whsec_|sk_live_|ghp_|glpat-|rts_)[\w+/=-]+"),
        rf"\1{MASK}",
    ),
    # name=value and "name": "value"
    (
        ("passw", "secret", "token", "api", "authorization", "cookie"),
        re.compile(
            r"(?i)((?:passw(?:or)?d|secret|token|api[_-]?key|authorization|cookie)"
            r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?)(?!bearer\b|basic\b|\*{8})[^\s\"',;&}]+",
        ),
        rf"\1{MASK}",
    ),
)


#: Most texts have none of the words, and one look at each then is all that a text costs.
_WORDS: Final = tuple(word for words, _, _ in _IN_TEXT for word in words)


class Secret:
    """A text that must not be shown: its repr, str and format are the mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, to be used and not kept."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


def is_secret_name(name: str) -> bool:
    """Say whether the value under this key, header or variable must not be shown."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return bool(_SECRET_NAME.search(plain)) and not _ABOUT_A_SECRET.search(plain)


def _hides(name: str) -> bool:
    return bool(name) and is_secret_name(name)


def mask_text(text: str) -> str:
    """Mask credentials that stand inside running text: Authorization values, URL passwords."""
    folded = text.casefold()
    for word in _WORDS:  # a plain loop: a generator would cost more than what it looks for
        if word in folded:
            break
    else:
        return text
    for words, pattern, replacement in _IN_TEXT:
        if any(word in folded for word in words):
            text = pattern.sub(replacement, text)
    return text


def redact(value: object, name: str = "", depth: int = 0) -> object:
    """Return a copy of a JSON-like value with secrets masked, by key and inside texts.

    Args:
        value: mappings, sequences and texts are looked into; what is no JSON becomes a text.
        name: the key under which the value stands.
        depth: how deep it stands; what is deeper than 32 levels is replaced by the mask.
    """
    if isinstance(value, Secret):
        return MASK
    if value is not None and not isinstance(value, bool) and (depth > MAX_DEPTH or _hides(name)):
        return MASK
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(k): redact(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, "", depth + 1) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    return mask_text(str(value))
