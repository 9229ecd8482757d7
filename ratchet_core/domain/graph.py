"""The graph of a workflow's steps: order, children, leaves, cycles named step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush


def find_cycle(parents: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return one cycle as the steps on it, the first repeated at the end; None without one.

    Args:
        parents: each step to the steps it depends on.
    """
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        # graphlib walks from child to parent's child; the steps read better in running order
        return list(error.args[1])
    return None


def execution_order(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the steps so that none comes before its parents, in definition order otherwise.

    Args:
        parents: each step, in definition order, to the steps it depends on; without cycles.
    """
    position = {name: index for index, name in enumerate(parents)}
    sorter = TopologicalSorter(parents)
    sorter.prepare()
    names = list(parents)
    order: list[str] = []
    ready = sorted(position[name] for name in sorter.get_ready())
    while ready:
        name = names[heappop(ready)]
        order.append(name)
        sorter.done(name)
        for freed in sorter.get_ready():
            heappush(ready, position[freed])
    return order


def children_of(parents: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return each step's children, in definition order."""
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, its_parents in parents.items():
        for parent in its_parents:
            children[parent].append(name)
    return children


def descendants_of(name: str, children: Mapping[str, Sequence[str]]) -> set[str]:
    """Return every step below `name`, itself not included."""
    found: set[str] = set()
    open_names = list(children[name])
    while open_names:
        child = open_names.pop()
        if child not in found:
            found.add(child)
            open_names.extend(children[child])
    return found


def levels_of(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return each step's level: the length of the longest way to it, 0 for one without parents."""
    levels: dict[str, int] = {}
    for name in execution_order(parents):
        levels[name] = 1 + max((levels[parent] for parent in parents[name]), default=-1)
    return {name: levels[name] for name in parents}


def longest_path_to(
    name: str, parents: Mapping[str, Sequence[str]], levels: Mapping[str, int]
) -> list[str]:
    """Return the longest way from a step without parents down to `name`, both included."""
    path = [name]
    while parents[path[-1]]:
        path.append(max(parents[path[-1]], key=levels.__getitem__))
    return path[::-1]


def count_paths(parents: Mapping[str, Sequence[str]], most: int) -> int:
    """Count the ways from steps without parents to steps without children, up to `most`."""
    ways: dict[str, int] = {}
    for name in execution_order(parents):
        ways[name] = min(most, sum(ways[parent] for parent in parents[name]) or 1)
    is_parent = {parent for its_parents in parents.values() for parent in its_parents}
    return min(most, sum(ways[name] for name in parents if name not in is_parent))
