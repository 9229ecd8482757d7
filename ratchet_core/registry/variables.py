"""`${VAR}` and `${VAR:-default}` in definition files, from an environment that is handed in.

A value is put in after parsing, so it can never change the structure of a file. `$${` stands for
a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ratchet_core.errors import ConfigurationError
from ratchet_core.registry.document import Document, Place
from ratchet_core.registry.yaml_document import PlainText, plain_value

_VARIABLE: Final = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>[^}]*))?\}|(?P<bad>\$\{)",
    re.ASCII,
)


def without_variables(value: Any) -> Any:
    """Return a copy of a JSON value with `${VAR}` left as it is written."""
    if isinstance(value, dict):
        return {key: without_variables(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_variables(item) for item in value]
    return str(value) if isinstance(value, str) else value


def with_variables(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a copy of a JSON value with every `${VAR}` replaced, outside of any file.

    Raises:
        ConfigurationError: a variable is not set and has no default.
    """
    if isinstance(value, Mapping):
        return {key: with_variables(item, environ) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_variables(item, environ) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    return _VARIABLE.sub(lambda match: _value_of(match, environ), value)


def _value_of(match: re.Match[str], environ: Mapping[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "${"
    value = environ.get(name)
    if value:
        return value
    if match["rest"] is None:
        raise ConfigurationError(f"the environment variable {name} is not set")
    return str(match["default"])


class Variables:
    """Puts the environment's values into a document's texts."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ

    def expanded(self, value: Any, place: Place) -> Any:
        """Return a copy of `value` with every variable replaced.

        A text without quotes that is nothing but one variable becomes a number, boolean or null
        where the variable's value looks like one.

        Raises:
            DefinitionError: a variable is not set and has no default, or is misspelt.
        """
        if isinstance(value, dict):
            return {key: self.expanded(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expanded(item, (*place, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        text = _VARIABLE.sub(lambda match: self._replacement(match, place), value)
        whole = _VARIABLE.fullmatch(value)
        if isinstance(value, PlainText) and whole is not None and whole["name"]:
            return self._typed(text, place)
        return text

    def check(self, value: Any, place: Place) -> None:
        """Refuse what `expanded` would refuse, and change nothing."""
        self.expanded(value, place)

    def _typed(self, text: str, place: Place) -> Any:
        try:
            value = plain_value(text)
        except ValueError as error:
            raise self._document.error(str(error), place) from None
        return without_variables(value)

    def _replacement(self, match: re.Match[str], place: Place) -> str:
        if match["bad"]:
            reason = "'${' starts no variable; write ${NAME} or ${NAME:-default}, or $${ for itself"
            raise self._document.error(reason, place)
        name = match["name"]
        if name is None:
            return "${"
        value = self._environ.get(name)
        if match["rest"] is not None:
            return value or match["default"]
        if value is None:
            reason = f"the environment variable {name} is not set; set it or write ${{{name}:-…}}"
            raise self._document.error(reason, place)
        if "\0" in value:
            raise self._document.error(f"{name} contains a NUL character", place)
        return value
