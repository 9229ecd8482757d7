"""YAML as definitions use it: the YAML 1.2 core types, every line known, nothing surprising.

Built from the event stream, so that depth is counted before anything recurses, duplicate keys are
seen, and aliases cannot blow up. It knows nothing of workflows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import MAX_DEPTH, Document, Lines, check_json

#: Most values in one document, with every alias counted as what it stands for.
MAX_NODES: Final = 200_000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_TAG: Final = "tag:yaml.org,2002:"
_LARGEST: Final = 2**64


class PlainText(str):
    """Text with a `${VAR}` that stood without quotes: its value may be a number or boolean."""

    __slots__ = ()


def parse_yaml(text: str, file: str) -> Document:
    """Parse one YAML document.

    Args:
        text: content of the file.
        file: its path, for errors.

    Returns:
        JSON values; unquoted texts that hold a variable are `PlainText`.

    Raises:
        DefinitionError: not YAML, more than one document, a key twice, too deep, too many values,
            a tag or number that JSON does not know.
    """
    built = _built(text, file)
    document = Document(file, built.value, lambda: built)
    check_json(document)
    return document


def locate_json(text: str, file: str) -> Lines:
    """Return the lines of a JSON text, as far as it is YAML too; none where it is not."""
    try:
        return _built(text, file)
    except DefinitionError:
        return Lines()


def _built(text: str, file: str) -> Lines:
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        reason = ": ".join(part for part in (error.context, error.problem) if part)
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DefinitionError(f"not valid YAML: {reason}", file=file, line=line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"not valid YAML: {error.reason}"
        raise DefinitionError(reason, file=file, line=line) from None
    return Lines(builder.root, builder.lines)


def plain_value(text: str) -> Any:
    """Return what a text without quotes means in YAML 1.2: only `true` and `false` are booleans.

    Raises:
        ValueError: a number that JSON does not know.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _BASED.fullmatch(text):
        return _integer(text, 0)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a number that JSON knows")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"{text[:40]} is beyond what a number can hold; quote it")
        return number
    return PlainText(text) if "${" in text else text


def _integer(text: str, base: int) -> int:
    number = int(text, base) if len(text) < 32 else _LARGEST  # noqa: PLR2004
    if not -_LARGEST // 2 <= number < _LARGEST:
        raise ValueError(f"{text[:40]} has more than 64 bits; quote it")
    return number


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being filled."""

    container: list[Any] | dict[str, Any]
    anchor: str | None
    lines: dict[str | int, int] = field(default_factory=dict)
    key: str | None = None  #: of a mapping, while its value is awaited
    weight: int = 1  #: values in it, aliases counted as what they stand for


class _Builder:
    """Takes the events of one document and keeps the value."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.lines: dict[int, dict[str | int, int]] = {}
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._error("a second document starts here; use one file for each", line)
            case yaml.MappingStartEvent():
                self._open({}, event, line)
            case yaml.SequenceStartEvent():
                self._open([], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                self._alias(str(event.anchor), line)
            case _:
                pass  # starts and ends of stream and document carry nothing

    def _error(self, reason: str, line: int) -> DefinitionError:
        return DefinitionError(reason, file=self.file, line=line)

    def _open(self, container: list[Any] | dict[str, Any], event: Any, line: int) -> None:
        kind = "map" if isinstance(container, dict) else "seq"
        if event.tag not in {None, "!", _TAG + kind}:
            raise self._error(f"the tag {event.tag} is not supported", line)
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", line)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            raise self._error("a key must be a text, not a list or mapping", line)
        self._put(container, line, 0)
        new = _Frame(container, event.anchor)
        self.lines[id(container)] = new.lines
        self._stack.append(new)

    def _close(self) -> None:
        frame = self._stack.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.container, frame.weight)
        if self._stack:
            self._stack[-1].weight += frame.weight

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise self._error(f"the alias *{anchor} names nothing that ends before it", line)
        value, weight = self._anchors[anchor]
        if self._awaits_key():
            raise self._error("an alias cannot be a key; write the key out", line)
        self._put(value, line, weight)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._awaits_key():
            self._key(event.value, line, is_merge=bool(event.implicit[0]) and event.value == "<<")
            return
        try:
            value = _scalar_value(event)
        except ValueError as error:
            raise self._error(str(error), line) from None
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, line, 1)

    def _awaits_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and isinstance(frame.container, dict) and frame.key is None

    def _key(self, key: str, line: int, *, is_merge: bool) -> None:
        frame = self._stack[-1]
        if is_merge:
            raise self._error("merge keys (<<) are not YAML 1.2; write the keys out", line)
        if key in frame.container:
            reason = f"the key '{key}' is there twice, first on line {frame.lines[key]}"
            raise self._error(reason, line)
        frame.key = key
        frame.lines[key] = line

    def _put(self, value: Any, line: int, weight: int) -> None:
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        frame.weight += weight
        if sum(frame.weight for frame in self._stack) > MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values, aliases counted in full", line)
        if isinstance(frame.container, list):
            frame.lines[len(frame.container)] = line
            frame.container.append(value)
        elif frame.key is not None:
            frame.container[frame.key] = value
            frame.key = None


def _scalar_value(event: yaml.ScalarEvent) -> Any:
    """Return the value of a scalar, by its tag or by its look."""
    tag, text = event.tag, event.value
    if tag is None:
        return plain_value(text) if event.implicit[0] else text
    if tag in {"!", _TAG + "str"}:
        return text
    if tag in {_TAG + kind for kind in ("int", "float", "bool", "null")}:
        value = plain_value(text)
        if isinstance(value, str):
            raise ValueError(f"{text[:40]!r} does not fit its tag {tag.replace(_TAG, '!!')}")
        return value
    raise ValueError(f"the tag {tag} is not supported")


def walk_text(value: Any) -> Iterator[str]:
    """Yield every text inside a JSON value, keys left out."""
    open_values = [value]
    while open_values:
        item = open_values.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            open_values.extend(item.values())
        elif isinstance(item, list):
            open_values.extend(item)
