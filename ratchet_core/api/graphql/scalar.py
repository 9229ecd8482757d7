"""The scalars: values as JSON has them, from variables and from literals alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    value_from_ast_untyped,
)

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


def parse_json_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
    """Return a literal as the JSON value that it stands for; a bare word is text.

    Raises:
        GraphQLError: a number in it does not fit what JSON can carry.
    """
    _check_numbers(node)
    return value_from_ast_untyped(node, dict(variables or {}))


def _check_numbers(node: ValueNode) -> None:
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, ListValueNode):
            todo += item.values
        elif isinstance(item, ObjectValueNode):
            todo += [field.value for field in item.fields]
        elif isinstance(item, IntValueNode):
            if len(item.value) > len(str(_SMALLEST)) or not (
                _SMALLEST <= int(item.value) <= _LARGEST
            ):
                message = f"The integer {item.value[:30]} does not fit 64 bits; send it as text"
                raise GraphQLError(message, item)
        elif isinstance(item, FloatValueNode) and not math.isfinite(float(item.value)):
            raise GraphQLError(f"The number {item.value[:30]} is too large; send it as text", item)
