"""How often a document names the same field in the same place.

Validation compares all of them with each other, so that a short text of many repetitions would
keep a server busy for seconds. Counted over all definitions, used or not, fragments unfolded.
"""

from __future__ import annotations

from collections import Counter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


def repeats(document: DocumentNode) -> int:
    """Return how many fields are named in a place where a field of that name is already."""
    places = _Places(document)
    todo: list[SelectionSetNode] = [
        item.selection_set
        for item in document.definitions
        if isinstance(item, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    found = 0
    while todo:
        chosen = todo.pop()
        found += sum(count - 1 for count in places.names(chosen).values())
        for item in chosen.selections:
            inner = getattr(item, "selection_set", None)
            if inner is not None:
                todo.append(inner)
    return found


class _Places:
    """Tells which names a selection holds; each fragment is looked into once."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            item.name.value: item.selection_set
            for item in document.definitions
            if isinstance(item, FragmentDefinitionNode)
        }
        self._known: dict[str, Counter[str]] = {}

    def names(self, chosen: SelectionSetNode) -> Counter[str]:
        """Return how often each name is given, in fragments too."""
        names: Counter[str] = Counter()
        for item in chosen.selections:
            if isinstance(item, FieldNode):
                names[(item.alias or item.name).value] += 1
            elif isinstance(item, InlineFragmentNode):
                names += self.names(item.selection_set)
            elif isinstance(item, FragmentSpreadNode):
                names += self._of_fragment(item.name.value)
        return names

    def _of_fragment(self, name: str) -> Counter[str]:
        if name not in self._known:
            self._known[name] = Counter()  # a cycle adds nothing; validation refuses it
            if name in self._fragments:
                self._known[name] = self.names(self._fragments[name])
        return self._known[name]
