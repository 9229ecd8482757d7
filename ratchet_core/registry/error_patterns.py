"""Known errors from a YAML file: a list of `name`, `regex`, `error_type`, `category`, `suggestion`.

The list may stand alone or under the key `patterns` or `error_patterns`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from ratchet_core.domain.error_pattern import CATEGORIES, ErrorPattern
from ratchet_core.errors import ConfigurationError, DefinitionError
from ratchet_core.registry.document import decode_text
from ratchet_core.registry.yaml_document import parse_yaml

_KEYS: Final = ("name", "regex", "error_type", "category", "suggestion")
_WRAPPERS: Final = ("patterns", "error_patterns")
_LONGEST_REGEX: Final = 1000


def load_error_patterns(path: Path) -> tuple[ErrorPattern, ...]:
    """Return the patterns of a file, in its order.

    Raises:
        ConfigurationError: the file cannot be read, or an item is wrong; names it and its key.
    """
    try:
        document = parse_yaml(decode_text(path.read_bytes(), str(path)), str(path))
    except OSError as error:
        message = f"{path} (logs.error_patterns) cannot be read: {error.strerror}"
        raise ConfigurationError(message) from None
    except DefinitionError as error:
        raise ConfigurationError(str(error)) from None
    items = document.value
    if isinstance(items, dict) and len(items) == 1:
        items = next((items[key] for key in _WRAPPERS if key in items), items)
    if not isinstance(items, list):
        message = f"{path}: must be a list of patterns, or hold one under `patterns`"
        raise ConfigurationError(message)
    found = [_read(item, f"{path}: pattern {number}") for number, item in enumerate(items, 1)]
    names = [pattern.name for pattern in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        message = f"{path}: the name '{doubled[0]}' stands twice"
        raise ConfigurationError(message)
    return tuple(found)


def _read(item: Any, where: str) -> ErrorPattern:
    if not isinstance(item, dict):
        message = f"{where}: must be a mapping with name and regex"
        raise ConfigurationError(message)
    unknown = next((str(key) for key in item if key not in _KEYS), None)
    if unknown is not None:
        message = f"{where}: unknown key '{unknown}'; legal are {', '.join(_KEYS)}"
        raise ConfigurationError(message)
    for key in _KEYS:
        value = item.get(key)
        if (value is None and key in {"name", "regex"}) or not isinstance(value, str | None):
            message = f"{where}: {key} must be a text"
            raise ConfigurationError(message)
    category = item.get("category") or "unknown"
    if category not in CATEGORIES:
        message = f"{where}: category must be one of {', '.join(CATEGORIES)}"
        raise ConfigurationError(message)
    return ErrorPattern(
        name=str(item["name"]),
        regex=_compiled(str(item["regex"]), where),
        error_type=item.get("error_type"),
        category=category,
        suggestion=item.get("suggestion") or "",
    )


def _compiled(text: str, where: str) -> re.Pattern[str]:
    if len(text) > _LONGEST_REGEX:
        message = f"{where}: regex must be at most {_LONGEST_REGEX} characters"
        raise ConfigurationError(message)
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        message = f"{where}: regex is no regular expression: {error}"
        raise ConfigurationError(message) from None
