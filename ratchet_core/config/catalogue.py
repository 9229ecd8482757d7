"""The list of all settings, read from the dataclasses that declare them.

Loader, `config show` and reference walk this list, so that none of them can forget a setting.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from ratchet_core.config.block import BLOCKS, read_plugin_settings
from ratchet_core.config.coerce import (
    Check,
    as_any_text,
    as_boolean,
    as_path,
    as_secret,
    as_text,
    choice,
    integer,
    number,
    sequence,
)
from ratchet_core.config.setting import METADATA_KEY, Setting
from ratchet_core.config.settings import Settings
from ratchet_core.config.unread import UNREAD
from ratchet_core.redaction import Secret

#: Variables that say where to read, and so are no settings themselves.
OTHER_VARIABLES: Final = ("RATCHET_CONFIG",)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One setting: its declaration, with what follows from its type."""

    path: str  #: attributes below `Settings`, such as `database.url`
    setting: Setting
    check: Check
    type_text: str  #: for the reference
    default: object
    env: tuple[str, ...]  #: the first is the one to use; empty: not in the environment
    group: type  #: the dataclass that declares it
    no_effect: str  #: why it has no effect; empty: it has its effect


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Return every setting, in the order of declaration."""
    return tuple(_walk(Settings, ""))


def _walk(group: type, prefix: str) -> list[Entry]:
    found: list[Entry] = []
    hints = get_type_hints(group)
    for field in dataclasses.fields(group):
        path = f"{prefix}{field.name}"
        declared: Setting | None = field.metadata.get(METADATA_KEY)
        if declared is None:
            found += _walk(hints[field.name], f"{path}.")
        else:
            found.append(_entry(path, declared, hints[field.name], field, group))
    return found


def _entry(
    path: str, declared: Setting, hint: Any, field: dataclasses.Field[Any], group: type
) -> Entry:
    default = field.default
    if default is dataclasses.MISSING:
        default = None if field.default_factory is dataclasses.MISSING else field.default_factory()
    env = declared.env
    if not declared.in_environment:
        env = ()
    elif not env:
        # the file spells durations without their unit; whoever goes by the file is right as well
        env = tuple(dict.fromkeys(_variable(place) for place in (path, *declared.keys[:1])))
    check, type_text = _check_of(hint, declared)
    return Entry(path, declared, check, type_text, default, env, group, UNREAD.get(path, ""))


def _variable(place: str) -> str:
    return f"RATCHET_{place.upper().replace('.', '_')}"


_NUMBERS: Final = {int: (integer, "integer"), float: (number, "number")}
_OTHERS: Final[Mapping[type, tuple[Check, str]]] = {
    bool: (as_boolean, "boolean"),
    str: (as_text, "text"),
    Path: (as_path, "path"),
    Secret: (as_secret, "secret text"),
}


def _check_of(hint: Any, declared: Setting) -> tuple[Check, str]:
    """Choose the check for a type, and the words that the reference has for it."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return _check_of(inner, declared)
    if origin is Literal:
        return choice(get_args(hint)), ", ".join(f"`{word}`" for word in get_args(hint))
    if origin is tuple:
        return _check_of_list(get_args(hint)[0], declared)
    if hint in _NUMBERS:
        make, words = _NUMBERS[hint]
        return make(declared.at_least, declared.at_most, declared.scale), words
    return _OTHERS.get(hint, (read_plugin_settings, "mapping"))


def _check_of_list(item: Any, declared: Setting) -> tuple[Check, str]:
    if item in BLOCKS:
        return sequence(BLOCKS[item]), "list of mappings"
    check, words = (as_any_text, "text") if item is str else _check_of(item, declared)
    return sequence(check, declared.separator), f"list of {words}"
