"""Reading one YAML file into values that know their places.

YAML as its version 1.2 has it: `true` and `false` are the only booleans, `on`, `yes` and dates
stay texts. `${NAME}` and `${NAME:-default}` in texts are resolved from the environment that is
handed in. What the keys mean is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from ratchet_core.config.place import Place, Scalar, Value

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 100_000
MAX_DIGITS: Final = 300

_TAG: Final = "tag:yaml.org,2002:"
_REFERENCE: Final = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?P<text>[^}]*))?\}|\$\{",
)


class _Yaml12Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    _Yaml12Loader.add_implicit_resolver(
        f"{_TAG}{_name}",
        re.compile(rf"(?:{_pattern})\Z"),
        [*_first, ""] if _name == "null" else list(_first),
    )


def read_document(path: Path, environ: Mapping[str, str]) -> Value:
    """Read a configuration file.

    Args:
        path: of the file; an error names it as it is given here.
        environ: where `${NAME}` is looked up.

    Returns:
        A mapping, empty for an empty file.

    Raises:
        ConfigurationError: the file cannot be read, is no YAML, is too large or too deep, has a
            key twice, or names a variable that is unset.
    """
    root = Place(str(path), "")
    text = _read_text(path, root)
    try:
        node = yaml.compose(text, Loader=_Yaml12Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Place(str(path), "", line).refuse(f"is no valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        first_line = str(error).split("\n", maxsplit=1)[0]
        raise root.refuse(f"is no valid YAML: {first_line}") from None
    except RecursionError:
        raise root.refuse(f"is nested deeper than {MAX_DEPTH} levels") from None
    if node is None:
        return Value({}, root)
    document = _Reader(environ).read(node, root, 0)
    if document.content is None:
        return Value({}, root)
    if not isinstance(document.content, dict):
        raise root.refuse("must be a mapping of sections, such as `server:` and `logging:`")
    return document


def _read_text(path: Path, root: Place) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise root.refuse(f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise root.refuse(f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise root.refuse(f"is not UTF-8 (byte {error.start})") from None


class _Reader:
    """Turns YAML nodes into values; counts them, since aliases can make few nodes many."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._count = 0

    def read(self, node: yaml.Node, place: Place, depth: int) -> Value:
        self._count += 1
        if depth > MAX_DEPTH:
            raise place.refuse(f"is nested deeper than {MAX_DEPTH} levels")
        if self._count > MAX_VALUES:
            raise place.refuse(f"the file holds more than {MAX_VALUES} values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place, depth)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, place, depth)
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place, depth: int) -> Value:
        _refuse_tag(node, place, "map")
        content: dict[str, Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise place.under("?", line).refuse("a key must be a text")
            key = _clean(key_node.value, place.under("?", line))
            below = place.under(key, line)
            if key in content:
                first = content[key].place.line
                raise below.refuse(f"stands twice; the first time in line {first}")
            content[key] = self.read(value_node, below, depth + 1)
        return Value(content, place)

    def _sequence(self, node: yaml.SequenceNode, place: Place, depth: int) -> Value:
        _refuse_tag(node, place, "seq")
        return Value(
            [
                self.read(item, place.under(f"[{index}]", item.start_mark.line + 1), depth + 1)
                for index, item in enumerate(node.value)
            ],
            place,
        )

    def _scalar(self, node: yaml.Node, place: Place) -> Value:
        if node.tag == f"{_TAG}str":
            text = _clean(str(node.value), place)
            resolved = substitute(text, self._environ, place)
            return Value(resolved, place, is_untyped=resolved != text, is_hidden=resolved != text)
        return Value(_typed_scalar(node, place), place)


def _refuse_tag(node: yaml.Node, place: Place, plain: str) -> None:
    if node.tag != f"{_TAG}{plain}":
        raise place.refuse(f"the tag {node.tag.replace(_TAG, '!!')} is not supported; leave it out")


def _typed_scalar(node: yaml.Node, place: Place) -> Scalar:
    text = str(node.value)
    kind = node.tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind in {"int", "float"}:
        return _number(text, kind, place)
    raise place.refuse(f"the tag {node.tag.replace(_TAG, '!!')} is not supported; leave it out")


def _number(text: str, kind: str, place: Place) -> int | float:
    if len(text) > MAX_DIGITS:
        raise place.refuse(f"a number of {len(text)} digits is out of every range")
    try:
        if kind == "float":
            return float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
        if text.startswith(("0o", "0x")):
            return int(text, 0)
        return int(text)
    except ValueError:
        raise place.refuse(f"'{text}' is no number") from None


def _clean(text: str, place: Place) -> str:
    if "\0" in text:
        raise place.refuse("holds a NUL character, which no setting may")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise place.refuse("holds half of a surrogate pair, which is no Unicode text")
    return text


def substitute(text: str, environ: Mapping[str, str], place: Place) -> str:
    """Replace `${NAME}` and `${NAME:-default}`; `$${` stands for a literal `${`.

    Raises:
        ConfigurationError: a variable without a default is unset, or a reference is malformed.
    """

    def value_of(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        name = match["name"]
        if name is None:
            raise place.refuse(
                "'${' must be followed by the name of a variable and '}'; write '$${' for itself",
            )
        value = environ.get(name)
        if match["default"] is not None:
            return value or match["text"]
        if value is None:
            raise place.refuse(
                f"the environment variable {name} is not set; set it, or write"
                f" '${{{name}:-default}}'",
            )
        return _clean(value, place)

    return _REFERENCE.sub(value_of, text)


def scalar_of_text(text: str) -> Scalar:
    """Return a text of the environment as YAML would read it unquoted: 5 is a number, on a text."""
    for tag, pattern in _Yaml12Loader.yaml_implicit_resolvers.get(text[:1], []):
        if tag != f"{_TAG}null" and len(text) <= MAX_DIGITS and pattern.match(text):
            return _typed_scalar(yaml.ScalarNode(tag, text), Place("environment", ""))
    return text
