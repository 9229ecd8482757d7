"""Pictures of a graph of steps: Mermaid text and SVG. Pure.

Colours are Tasker's: pending light blue, in progress light green, complete
green, error red, cancelled gray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from ratchet_core.api.tasker.state import STEP_STATUS
from ratchet_core.domain.graph import levels_of
from ratchet_core.domain.views import StepView
from ratchet_core.domain.workflow import WorkflowDefinition

#: What a step of a handler is: it stands nowhere.
TEMPLATE: Final = "template"
#: Each status to fill and text.
COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    TEMPLATE: ("#eceff1", "#102027"),
    "pending": ("#add8e6", "#102027"),
    "in_progress": ("#90ee90", "#102027"),
    "complete": ("#2e7d32", "#ffffff"),
    "error": ("#c62828", "#ffffff"),
    "cancelled": ("#9e9e9e", "#102027"),
    "resolved_manually": ("#00838f", "#ffffff"),
}

_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN = 190, 44, 24, 92, 20
_TITLE_HEIGHT: Final = 34
_LONGEST_LABEL: Final = 24


@dataclass(frozen=True, slots=True)
class Node:
    """One step in a picture."""

    name: str  #: unique
    status: str  #: a key of COLOURS
    parents: Sequence[str]  #: names of the steps it waits for
    note: str = ""  #: second line


@dataclass(frozen=True, slots=True)
class Diagram:
    """A graph of steps with a title; at least one step."""

    title: str
    nodes: Sequence[Node]

    def to_mermaid(self) -> str:
        """Return the text of a Mermaid flowchart."""
        index = {node.name: f"s{place}" for place, node in enumerate(self.nodes)}
        lines = ["---", f'title: "{self.title}"', "---", "flowchart TD"]
        for node in self.nodes:
            note = f"<br/>{node.note}" if node.note else ""
            lines.append(f'    {index[node.name]}["{node.name}{note}"]:::{node.status}')
        lines += [
            f"    {index[parent]} --> {index[node.name]}"
            for node in self.nodes
            for parent in node.parents
        ]
        used = dict.fromkeys(node.status for node in self.nodes)
        lines += [
            f"    classDef {status} fill:{COLOURS[status][0]},color:{COLOURS[status][1]}"
            for status in used
        ]
        return "\n".join(lines) + "\n"

    def to_svg(self) -> str:
        """Return an SVG document: parents above their children, no script, no style, no link."""
        places = self._places()
        width = 2 * _MARGIN + max(x for x, _ in places.values()) + _WIDTH
        height = 2 * _MARGIN + _TITLE_HEIGHT + max(y for _, y in places.values()) + _HEIGHT
        title = escape(self.title)
        size = f'width="{width}" height="{height}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}"',
            '  role="img" font-family="sans-serif" font-size="13">',
            f"<title>{title}</title>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" orient="auto"',
            '  markerWidth="8" markerHeight="8"><path d="M0 0L8 4L0 8z" fill="#546e7a"/>',
            "</marker></defs>",
            f'<rect {size} fill="#ffffff"/>',
            f'<text x="{_MARGIN}" y="{_MARGIN + 14}" font-weight="bold">{title}</text>',
            f'<g transform="translate({_MARGIN} {_MARGIN + _TITLE_HEIGHT})">',
        ]
        lines += [
            _edge(places[parent], places[node.name])
            for node in self.nodes
            for parent in node.parents
        ]
        lines += [_box(node, places[node.name]) for node in self.nodes]
        return "\n".join([*lines, "</g>", "</svg>"]) + "\n"

    def _places(self) -> dict[str, tuple[int, int]]:
        """Return the upper left corner of each node: a row for each level, rows centred."""
        levels = levels_of({node.name: node.parents for node in self.nodes})
        rows: dict[int, list[str]] = {}
        for name, level in levels.items():
            rows.setdefault(level, []).append(name)
        widest = max(len(row) for row in rows.values())
        places = {}
        for level, row in rows.items():
            start = (widest - len(row)) * (_WIDTH + _GAP) // 2
            for column, name in enumerate(row):
                places[name] = (start + column * (_WIDTH + _GAP), level * _ROW)
        return places


def diagram_of_handler(definition: WorkflowDefinition) -> Diagram:
    """Return the picture of a workflow version."""
    nodes = [Node(step.name, TEMPLATE, step.depends_on) for step in definition.steps]
    return Diagram(definition.full_name, nodes)


def diagram_of_task(title: str, steps: Sequence[StepView]) -> Diagram:
    """Return the picture of a task as it stands."""
    return Diagram(
        title, [Node(s.name, STEP_STATUS[s.state], s.depends_on, _note(s)) for s in steps]
    )


def _note(step: StepView) -> str:
    tries = f", {step.attempts} attempts" if step.attempts > 1 else ""
    return f"{STEP_STATUS[step.state]}{tries}"


def _edge(parent: tuple[int, int], child: tuple[int, int]) -> str:
    x1, y1 = parent[0] + _WIDTH // 2, parent[1] + _HEIGHT
    x2, y2 = child[0] + _WIDTH // 2, child[1]
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#546e7a" '
        'stroke-width="1.5" marker-end="url(#arrow)"/>'
    )


def _box(node: Node, place: tuple[int, int]) -> str:
    fill, colour = COLOURS[node.status]
    x, y = place
    middle = x + _WIDTH // 2
    label = node.name
    if len(label) > _LONGEST_LABEL:
        label = label[: _LONGEST_LABEL - 1] + "…"
    first = y + (_HEIGHT // 2 if node.note else _HEIGHT // 2 + 5)
    note = (
        f'<text x="{middle}" y="{y + 36}" text-anchor="middle" font-size="10" fill="{colour}">'
        f"{escape(node.note)}</text>"
        if node.note
        else ""
    )
    return (
        f"<g><title>{escape(node.name)}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{fill}" '
        'stroke="#546e7a"/>'
        f'<text x="{middle}" y="{first}" text-anchor="middle" fill="{colour}">'
        f"{escape(label)}</text>{note}</g>"
    )
