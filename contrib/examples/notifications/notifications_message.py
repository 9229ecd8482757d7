"""Texts, addresses and numbers of the notifications example; pure, and it sends nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from ratchet_core.sdk import PermanentError

_ADDRESS: Final = re.compile(r"[^@\s<>,;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", " -()./")

#: Characters of the SMS alphabet GSM 03.38; any other makes the text 16-bit.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Characters of its extension table, which count twice.
_GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True)
class Message:
    """An email without its recipients."""

    subject: str
    body: str


@dataclass(frozen=True)
class SmsText:
    """A text split into what one SMS holds each."""

    encoding: str  #: "GSM-7" or "UCS-2"
    parts: tuple[str, ...]


def render(template: str, values: Mapping[str, object]) -> Message:
    """Fill a file of `templates/` in: its first line is the subject, the rest the body.

    Raises:
        PermanentError: there is no such template, or one of its names has no value.
    """
    path = Path(__file__).parent / "templates" / f"{template}.txt"
    if path.stem != template or not path.is_file():
        raise PermanentError(f"there is no template {template!r}", code="UNKNOWN_TEMPLATE")
    text = Template(path.read_text(encoding="utf-8"))
    missing = [name for name in text.get_identifiers() if name not in values]
    if missing:
        raise PermanentError(
            f"template {template!r} needs data for {', '.join(missing)}", code="MISSING_DATA"
        )
    subject, _, body = text.substitute({k: str(v) for k, v in values.items()}).partition("\n")
    return Message(subject, body.strip())


def parse_address(value: object) -> str:
    """Return an email address, its domain in lower case, or raise PermanentError."""
    text = str(value).strip()
    if not _ADDRESS.fullmatch(text):
        raise PermanentError(f"{value!r} is no email address", code="INVALID_ADDRESS")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def parse_number(value: object) -> str:
    """Return an international telephone number (E.164), or raise PermanentError."""
    number = str(value).translate(_SEPARATORS)
    if not _NUMBER.fullmatch(number):
        raise PermanentError(
            f"{value!r} is no international number; write it like +44 20 7946 0000",
            code="INVALID_NUMBER",
        )
    return number


def split_sms(text: str) -> SmsText:
    """Split `text` into SMS parts.

    One part holds 160 characters of the SMS alphabet or 70 of any other; of a longer text each part
    loses seven or three of them to the number that puts the parts in order again.
    """
    plain = all(char in _GSM or char in _GSM_EXTENSION for char in text)
    single, several = (160, 153) if plain else (70, 67)
    if sum(_width(char, plain=plain) for char in text) <= single:
        several = single
    parts, room = [""], several
    for char in text:
        width = _width(char, plain=plain)
        if width > room:
            parts.append("")
            room = several
        parts[-1] += char
        room -= width
    return SmsText("GSM-7" if plain else "UCS-2", tuple(parts))


def message_id(*parts: str) -> str:
    """Make an id that is the same for the same parts, so that a repeated step sends nothing twice.

    An outbox that has an id drops the second message with it.
    """
    return f"msg_{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"


def _width(char: str, *, plain: bool) -> int:
    """Count the places that a character takes up in an SMS."""
    if plain:
        return 2 if char in _GSM_EXTENSION else 1
    return len(char.encode("utf-16-le")) // 2
