"""The one template evaluator: `{{expression}}` in texts, over JSON values. Pure.

Expressions read values and shape them with a few filters; there are no statements, no calls and no
way to a Python attribute. Where templates stand, and which variables they have, is said by those
who use them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import jinja2
import orjson
from jinja2 import meta, nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ratchet_core.errors import DefinitionError, RatchetError

#: Longest text with expressions in it, longest expression, and longest output, in characters.
MAX_TEMPLATE: Final = 65_536
MAX_EXPRESSION: Final = 1_000
MAX_OUTPUT: Final = 1_048_576
#: How deep the lists and objects of a templated value may be nested.
MAX_DEPTH: Final = 100

#: Filters of Jinja that need neither calls nor more memory than their input.
_FILTERS: Final = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length"),
    *("lower", "max", "min", "round", "sort", "string", "sum", "title", "trim", "upper"),
    "urlencode",
)
#: Expressions that could run code, or take memory out of proportion.
_REFUSED: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "calls are not allowed; use a filter",
    nodes.Pow: "'**' is not allowed",
}
_EVALUATION_ERRORS: Final = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    MemoryError,
)


class TemplateInvalid(DefinitionError):
    """A template cannot be read: a syntax error, or something that templates may not do."""

    code = "INVALID_TEMPLATE"


class TemplateFailed(RatchetError):
    """A template has no value: a variable that is not there, or an operation that failed.

    Its message names the expression and what is missing, never a value.
    """

    code = "TEMPLATE_FAILED"


class _JsonEnvironment(ImmutableSandboxedEnvironment):
    """Sees JSON values only: keys and indexes, never Python's attributes or methods."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return the member of an object."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return the member of an object or the item of a list."""
        if isinstance(obj, jinja2.Undefined):
            return obj[argument]  # raises, naming what is undefined
        if isinstance(obj, Mapping) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except IndexError:
                pass
        return self.undefined(hint=f"there is no {argument!r}", name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply and divide numbers; repeating and formatting texts is refused."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"'{operator}' takes numbers")
        return super().call_binop(context, operator, left, right)


class Template:
    """A text with `{{expression}}` in it, compiled.

    Args:
        text: at most MAX_TEMPLATE characters.

    Raises:
        TemplateInvalid: it cannot be read.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEMPLATE:
            raise TemplateInvalid(f"the template is longer than {MAX_TEMPLATE} characters")
        self.text = text
        self._parts = tuple(_split(text))
        #: Top-level names that the expressions read, such as `input`.
        self.variables = frozenset(
            name for part in self._parts if isinstance(part, _Expression) for name in part.variables
        )

    def render(self, variables: Mapping[str, Any]) -> Any:
        """Return the value: that of the expression where the text is exactly one, else a text.

        In a text, texts stand as they are and other values as JSON.

        Raises:
            TemplateFailed: there is none, or it is longer than MAX_OUTPUT characters.
        """
        if len(self._parts) == 1 and isinstance(self._parts[0], _Expression):
            return self._parts[0].evaluate(variables)
        texts, length = [], 0
        for part in self._parts:
            text = part if isinstance(part, str) else _as_text(part.evaluate(variables), part.text)
            texts.append(text)
            length += len(text)
            if length > MAX_OUTPUT:
                raise TemplateFailed(f"the text is longer than {MAX_OUTPUT} characters")
        return "".join(texts)


class _Expression:
    """What stands between `{{` and `}}`."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not self.text or len(self.text) > MAX_EXPRESSION:
            raise TemplateInvalid(f"an expression has 1 to {MAX_EXPRESSION} characters")
        try:
            tree = _ENVIRONMENT.parse("{{" + text + "}}")
            self._check(tree)
            self.variables = frozenset(meta.find_undeclared_variables(tree))
            self._evaluate = _ENVIRONMENT.compile_expression(self.text, undefined_to_none=False)
        except (TemplateError, SyntaxError, ValueError) as error:
            reason = getattr(error, "message", None) or error
            raise TemplateInvalid(f"{self._quoted}: {reason}") from None
        except (RecursionError, MemoryError):
            raise TemplateInvalid(f"{self._quoted}: it is nested too deeply") from None

    @property
    def _quoted(self) -> str:
        """The expression as messages show it."""
        shown = self.text if len(self.text) <= 80 else self.text[:79] + "…"  # noqa: PLR2004
        return "{{" + shown + "}}"

    def _check(self, tree: nodes.Template) -> None:
        """Refuse what expressions may not do."""
        for kind, reason in _REFUSED.items():
            if tree.find(kind) is not None:
                raise TemplateInvalid(f"{self._quoted}: {reason}")
        if any(name.name == "self" for name in tree.find_all(nodes.Name)):  # Jinja's own object
            raise TemplateInvalid(f"{self._quoted}: 'self' is no variable")
        for found in tree.find_all(nodes.Filter):
            if found.name not in _ENVIRONMENT.filters:
                known = ", ".join(sorted(_ENVIRONMENT.filters))
                raise TemplateInvalid(
                    f"{self._quoted}: there is no filter '{found.name}'; there are {known}"
                )

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the value as JSON would hold it."""
        try:
            value = self._evaluate(**variables)
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises, naming what is undefined
        except _EVALUATION_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise TemplateFailed(f"{self._quoted} has no value: {reason}") from None
        if isinstance(value, str) and len(value) > MAX_OUTPUT:
            raise TemplateFailed(f"{self._quoted} is longer than {MAX_OUTPUT} characters")
        return value


def render_template(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a JSON value with the templates in its texts rendered; keys stay as they are.

    Args:
        value: a text, or lists and objects of texts; other values are returned as they are.
        variables: JSON values by name.

    Raises:
        TemplateInvalid: a template cannot be read.
        TemplateFailed: a template has no value.
    """
    return _walk(value, lambda text: _compiled(text).render(variables), 0)


def template_problems(
    value: Any, known: Collection[str] | None = None, place: str = ""
) -> list[str]:
    """Return what is wrong with the templates in a JSON value, each with its place.

    Args:
        value: as for `render_template`.
        known: names that templates may read; None leaves that to the rendering.
        place: where the value stands, such as `headers`.
    """
    if isinstance(value, Mapping):
        members = [(f"{place}.{key}" if place else str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        members = [(f"{place}[{index}]", item) for index, item in enumerate(value)]
    else:
        return _problems_of(value, known, place) if isinstance(value, str) else []
    if place.count(".") + place.count("[") > MAX_DEPTH:
        return [f"{place[:80]}…: nested deeper than {MAX_DEPTH} levels"]
    return [problem for at, item in members for problem in template_problems(item, known, at)]


def _problems_of(text: str, known: Collection[str] | None, place: str) -> list[str]:
    """Return what is wrong with one text."""
    prefix = f"{place}: " if place else ""
    try:
        template = _compiled(text)
    except TemplateInvalid as error:
        return [prefix + error.message]
    if known is None:
        return []
    names = ", ".join(sorted(known))
    return [
        f"{prefix}unknown variable '{name}'; there are {names}"
        for name in sorted(template.variables - set(known))
    ]


def _walk(value: Any, change: Callable[[str], Any], depth: int) -> Any:
    """Return a copy of a JSON value with its texts changed."""
    if isinstance(value, str):
        return change(value)
    if depth > MAX_DEPTH:
        raise TemplateFailed(f"the value is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {key: _walk(item, change, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change, depth + 1) for item in value]
    return value


def _split(text: str) -> list[str | _Expression]:
    """Take a text apart into plain texts and expressions."""
    if "{{" not in text and "{%" not in text:
        return [text]
    parts: list[str | _Expression] = []
    inside: list[str] | None = None
    try:
        for _, kind, piece in _ENVIRONMENT.lex(text):
            if kind == "block_begin":
                raise TemplateInvalid("statements ({% … %}) are not allowed, only {{expressions}}")
            if kind == "variable_begin":
                inside = []
            elif kind == "variable_end" and inside is not None:
                parts.append(_Expression("".join(inside)))
                inside = None
            elif inside is not None:
                inside.append(piece)
            else:
                parts.append(piece)
    except TemplateError as error:
        raise TemplateInvalid(f"the template cannot be read: {error.message}") from None
    if inside is not None:
        raise TemplateInvalid("the template cannot be read: '{{' without '}}'")
    return parts


@functools.lru_cache(maxsize=1024)
def _compiled(text: str) -> Template:
    """Return the compiled template; a text is compiled once."""
    return Template(text)


def _as_text(value: Any, expression: str) -> str:
    """Return a value as it stands in a text."""
    return value if isinstance(value, str) else _to_json(value, expression)


def _to_json(value: Any, expression: str = "tojson") -> str:
    """Return a value as JSON text."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise TemplateFailed(
            "{{" + expression[:80] + "}} is no JSON value: " + str(error)
        ) from None


def _join(values: Sequence[Any], separator: str = "") -> str:
    """Join a list's items to one text."""
    if isinstance(values, str) or not isinstance(separator, str):
        raise TypeError("join takes a list and a text")
    texts = [_as_text(item, "join") for item in values]
    _check_length(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(text: str, old: str, new: str) -> str:
    """Replace each `old` in a text by `new`."""
    if not (isinstance(text, str) and isinstance(old, str) and isinstance(new, str)):
        raise TypeError("replace takes texts")
    _check_length(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _check_length(length: int) -> None:
    """Refuse a result before it takes the memory."""
    if length > MAX_OUTPUT:
        raise ValueError(f"the text is longer than {MAX_OUTPUT} characters")


def _build_environment() -> _JsonEnvironment:
    """Return the environment that all templates are compiled in."""
    environment = _JsonEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        # Comments are none: '{#' stands in many a text.
        comment_start_string="\x00{#",
        comment_end_string="#}\x00",
    )
    environment.globals.clear()
    filters = {name: environment.filters[name] for name in _FILTERS}
    environment.filters.clear()
    environment.filters.update(filters, join=_join, replace=_replace, tojson=_to_json)
    return environment


_ENVIRONMENT: Final = _build_environment()
