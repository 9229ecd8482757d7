"""What loading finds: definitions with their origin, test cases, and what is wrong with files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """One thing that is wrong with one file; nothing else is affected by it."""

    file: str  #: path as the user knows it
    reason: str  #: what is wrong and what to write instead
    line: int | None = None  #: counted from 1, where known
    place: str | None = None  #: dotted place in the document, where there is one

    def __post_init__(self) -> None:
        """Keep every text such that it can be written as UTF-8 and JSON, whatever a file holds."""
        for name in ("file", "reason", "place"):
            text = getattr(self, name)
            if text is not None:
                clean = text.encode("utf-8", "replace").decode()
                object.__setattr__(self, name, clean)

    @property
    def message(self) -> str:
        """`file:line: place: reason`, as far as known."""
        return DefinitionError(
            self.reason, file=self.file, line=self.line, place=self.place
        ).message

    @classmethod
    def of(cls, error: DefinitionError, file: str) -> DefinitionProblem:
        """Return the problem that an error tells of; `file` counts where it names none."""
        return cls(error.file or file, error.reason, error.line, error.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMock:
    """An answer that a test case puts in the place of a request."""

    method: str = "GET"  #: upper case
    url: str  #: whole, or a part of it
    status: int = 200  #: 100 to 599
    status_text: str = "OK"  #: such as `Not Found`
    headers: Mapping[str, str] = field(default_factory=dict)  #: as written
    body: Any = None  #: JSON value, or text


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One check of a test case on the result."""

    path: str  #: dotted path into the result; empty for the whole
    operator: str = "equals"  #: one of `case.OPERATORS`
    expected: Any = None  #: JSON value to compare with


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """The failure that a test case expects; what is None may be anything."""

    type: str | None = None  #: name of the error's class, such as `ValidationError`
    message: str | None = None  #: part of its message


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """A test that an author ships with a script: an input, and what must come of it."""

    __test__ = False  # it is data; pytest must not take it for a test class

    name: str  #: of the file, without its ending, or as the case says
    file: str  #: path as the user knows it
    description: str = ""  #: for people
    input: Any = None  #: JSON value the script is run with
    has_expected_output: bool = False  #: the case says what must come out
    expected_output: Any = None  #: JSON value, compared deeply
    should_fail: bool = False  #: the script must fail
    expected_error: ExpectedError | None = None  #: what the failure must look like
    assertions: tuple[Assertion, ...] = ()  #: checks besides
    mocks: tuple[HttpMock, ...] = ()  #: answers to requests; the network is not used where any is

    @property
    def skip_reason(self) -> str | None:
        """Why the case checks nothing, or None."""
        if self.has_expected_output or self.should_fail or self.assertions:
            return None
        return "neither expected_output nor expected_error nor assertions"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedDefinition:
    """A definition that Python code offers as a value."""

    definition: WorkflowDefinition  #: not checked yet
    origin: str  #: the module's file, or the plugin's name


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDefinition:
    """A sound definition and where it comes from."""

    definition: WorkflowDefinition  #: checked
    file: str  #: path as the user knows it, or the name of the plugin that offered it
    test_cases: tuple[TestCase, ...] = ()  #: in order of their files
    schedules: tuple[DeclaredSchedule, ...] = ()  #: that the file declares
    content_hash: str  #: SHA-256, hexadecimal, of the canonical document


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Everything that the given paths hold."""

    definitions: tuple[FoundDefinition, ...] = ()  #: sound ones, in order of paths and files
    namespaces: Mapping[str, str] = field(default_factory=dict)  #: name to description
    problems: tuple[DefinitionProblem, ...] = ()  #: what was refused
    notes: tuple[DefinitionProblem, ...] = ()  #: what was accepted but probably not meant


def content_hash(definition: WorkflowDefinition) -> str:
    """Return the SHA-256 of the definition's canonical document: sorted keys, no white space."""
    document = orjson.dumps(definition.to_document(), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(document).hexdigest()
