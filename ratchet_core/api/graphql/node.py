"""Nodes of the graph: views as the dialect shows them, loaded together with their siblings.

A node knows all nodes that were loaded with it. The first of them that is asked for something
below it has it loaded for all of them, so that nesting costs a fixed number of statements however
many nodes there are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

View = TypeVar("View")
Loaded = TypeVar("Loaded")


#: Gives the fields of a view: all at once, or by name.
Show = Callable[[View], Mapping[str, Any]] | dict[str, Callable[[View], Any]]


class Batch(Generic[View]):
    """Views that were loaded together, and what was loaded for all of them since."""

    def __init__(self, views: Sequence[View]) -> None:
        self.views = tuple(views)
        self._loaded: dict[Hashable, Any] = {}

    def load(self, key: Hashable, loader: Callable[[Sequence[View]], Loaded]) -> Loaded:
        """Return what `loader` returns for all views, asking it once per key."""
        if key not in self._loaded:
            self._loaded[key] = loader(self.views)
        found: Loaded = self._loaded[key]
        return found


class Node(Generic[View]):
    """One view in the graph.

    Args:
        view: what is shown.
        batch: the views that were loaded with it.
        show: gives the fields that need no further look, all at once or, where it is a mapping,
            each for itself.
        extra: fields besides, which win.
    """

    __slots__ = ("_extra", "_show", "_shown", "batch", "view")

    def __init__(
        self,
        view: View,
        batch: Batch[View],
        show: Show[View],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.view = view
        self.batch = batch
        self._show = show
        self._extra = extra
        self._shown: Mapping[str, Any] | None = None

    def field(self, name: str) -> Any:
        """Return the value of a field; None where there is nothing of that name."""
        show = self._show
        if isinstance(show, dict):
            if self._extra is not None and name in self._extra:
                return self._extra[name]
            give = show.get(name)
            return None if give is None else give(self.view)
        if self._shown is None:
            shown = show(self.view)
            self._shown = {**shown, **self._extra} if self._extra else shown
        return self._shown.get(name)


def nodes(views: Sequence[View], show: Show[View]) -> list[Node[View]]:
    """Return views as nodes that know each other."""
    batch = Batch(views)
    return [Node(view, batch, show) for view in views]


def resolve_field(source: Any, info: Any, **_arguments: Any) -> Any:
    """Return a field that has no resolver of its own, of a node or of a mapping.

    A mapping may hold a function in place of a value that not everybody asks for.
    """
    return value_of(source, info.field_name)


def value_of(source: Any, name: str) -> Any:
    """Return a value of a node or of a mapping by its name; None where there is none."""
    if isinstance(source, Node):
        return source.field(name)
    value = source.get(name) if isinstance(source, Mapping) else None
    return value() if callable(value) else value
