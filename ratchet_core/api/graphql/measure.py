"""How large an operation is, before anything is validated or executed.

Depth, complexity and aliases of the parsed operation, fragments included, whatever they are
called; so no spelling of a query escapes the limits. Fragments are measured once each, however
often they are spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from ratchet_core.api.door.paging import MAX_LIMIT

#: Items that a list without a limit is taken to have.
_USUAL_ITEMS: Final = 10
_PAGE: Final = "Page"
#: Arguments that say how many items a field has at most.
_SIZES: Final = frozenset({"limit", "count"})


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of an operation."""

    depth: int = 0  #: of nested fields, introspection exempt
    complexity: int = 0  #: values that it can return at most, as far as limits tell
    aliases: int = 0  #: fields that are given another name


class _Measurer:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            item.name.value: item
            for item in document.definitions
            if isinstance(item, FragmentDefinitionNode)
        }
        self._known: dict[str, Measure] = {}

    def selections(self, kind: Any, chosen: SelectionSetNode | None) -> Measure:
        depth = complexity = aliases = 0
        for item in chosen.selections if chosen is not None else ():
            if isinstance(item, FieldNode):
                part = self._field(kind, item)
            elif isinstance(item, FragmentSpreadNode):
                part = self._fragment(item.name.value)
            else:
                assert isinstance(item, InlineFragmentNode)  # noqa: S101 - there is no fourth
                on = item.type_condition
                inner = kind if on is None else self._type(on.name.value)
                part = self.selections(inner, item.selection_set)
            depth = max(depth, part.depth)
            complexity += part.complexity
            aliases += part.aliases
        return Measure(depth, complexity, aliases)

    def _field(self, kind: Any, node: FieldNode) -> Measure:
        name = node.name.value
        found = kind.fields.get(name) if isinstance(kind, GraphQLObjectType) else None
        inner_kind = get_named_type(found.type) if found is not None else None
        inner = self.selections(inner_kind, node.selection_set)
        is_introspection = name.startswith("__")
        depth = 0 if is_introspection else 1 + inner.depth
        complexity = 1 + inner.complexity * self._items(kind, node, found)
        return Measure(depth, complexity, inner.aliases + (node.alias is not None))

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            self._known[name] = Measure()  # a cycle adds nothing; validation refuses it
            fragment = self._fragments.get(name)
            if fragment is not None:
                kind = self._type(fragment.type_condition.name.value)
                self._known[name] = self.selections(kind, fragment.selection_set)
        return self._known[name]

    def _type(self, name: str) -> Any:
        return self._schema.type_map.get(name)

    def _items(self, kind: Any, node: FieldNode, found: GraphQLField | None) -> int:
        """Return how many items a field may have at most."""
        if found is None:
            return 1
        for name in _SIZES & found.args.keys():
            return self._asked(node, found, name)
        of = found.type.of_type if isinstance(found.type, GraphQLNonNull) else found.type
        is_open_list = isinstance(of, GraphQLList) and not kind.name.endswith(_PAGE)
        return _USUAL_ITEMS if is_open_list else 1

    def _asked(self, node: FieldNode, found: GraphQLField, name: str) -> int:
        value: Any = found.args[name].default_value
        for argument in node.arguments:
            if argument.name.value == name:
                if isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value, value)
                elif isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value[:9])
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return min(max(value, 1), MAX_LIMIT) if is_number else MAX_LIMIT


def measure(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> Measure:
    """Return the size of `operation`."""
    defaults = {
        item.variable.name.value: int(item.default_value.value[:9])
        for item in operation.variable_definitions
        if isinstance(item.default_value, IntValueNode)
    }
    measurer = _Measurer(schema, document, {**defaults, **variables})
    root = schema.get_root_type(operation.operation)
    return measurer.selections(root, operation.selection_set)
