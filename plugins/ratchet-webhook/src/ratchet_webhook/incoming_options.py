"""The options of incoming webhooks: what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ratchet_core.sdk import option_check

#: Options with a few legal values.
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "algorithm": ("sha256", "sha384", "sha512", "sha1"),
    "encoding": ("hex", "base64"),
}
_LONGEST_TOLERANCE_S: Final = 86_400


def option_problems(options: Mapping[str, Any], own: Mapping[str, type]) -> list[str]:
    """Return what is wrong with the options of a signed webhook, one sentence each.

    Args:
        options: as configured.
        own: options besides the secrets, with the type of their value.
    """
    known = ("secret", "secrets", *own)
    found = []
    for key, value in options.items():
        if key not in known:
            found.append(option_check.unknown_key(key, known))
        elif key in own:
            found += _problem(key, value, own[key])
    return found + _secret_problems(options)


def _problem(key: str, value: Any, kind: type) -> list[str]:
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 < value <= _LONGEST_TOLERANCE_S):
            return [f"{key}: must be a number of seconds, above 0 and up to {_LONGEST_TOLERANCE_S}"]
        return []
    if not isinstance(value, str) or not value:
        return [f"{key}: must be a text"]
    choices = _CHOICES.get(key)
    if choices is not None and value not in choices:
        return [f"{key}: must be one of {', '.join(choices)}"]
    return []


def _secret_problems(options: Mapping[str, Any]) -> list[str]:
    one, many = options.get("secret"), options.get("secrets")
    if one is None and many is None:
        return ["secret: is missing"]
    if one is not None and many is not None:
        return ["secret: is set together with 'secrets'; use one"]
    if one is not None and not (isinstance(one, str) and one):
        return ["secret: must be a text"]
    if many is not None and not (
        isinstance(many, list) and many and all(isinstance(item, str) and item for item in many)
    ):
        return ["secrets: must be a list of texts"]
    return []
