"""The analysis of a task's dependencies and the pictures of it: what they say of each state."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ratchet_core.api.tasker.analysis import MAX_BOTTLENECKS, MOST_PATHS, analyse_dependencies
from ratchet_core.api.tasker.diagram import COLOURS, Diagram, Node, diagram_of_task
from ratchet_core.api.tasker.state import STEP_STATUS
from ratchet_core.api.tasker.step import show_workflow_steps
from ratchet_core.domain.states import RunState, StepState
from ratchet_core.domain.views import ErrorView, RunView, StepView
from ratchet_core.domain.workflow import MAX_STEPS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIAMOND = {"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}


def _run(state: RunState = RunState.RUNNING) -> RunView:
    return RunView(
        id="r",
        workflow_id="w",
        namespace="shop",
        name="diamond",
        version="1.0.0",
        state=state,
        input={},
        result=None,
        error=None,
        progress=0.0,
        priority=0,
        created_at=NOW,
        updated_at=NOW,
        started_at=None,
        completed_at=None,
    )


def _steps(
    parents: dict[str, list[str]], states: dict[str, StepState], **fields: Any
) -> list[StepView]:
    return [
        StepView(
            id=f"id-{name}",
            run_id="r",
            name=name,
            position=position,
            state=states.get(name, StepState.PENDING),
            handler="H",
            depends_on=tuple(its_parents),
            attempts=1,
            result=None,
            error=ErrorView(type="E", code="C", message="broken") if name in states else None,
            ready_at=None,
            started_at=None,
            completed_at=None,
            **fields,
        )
        for position, (name, its_parents) in enumerate(parents.items())
    ]


def _analysed(states: dict[str, StepState], **fields: Any) -> dict[str, Any]:
    run = _run(RunState.FAILED if StepState.FAILED in states.values() else RunState.RUNNING)
    return analyse_dependencies(run, _steps(DIAMOND, states, **fields), NOW)


def test_the_graph_is_told_by_ids_with_every_parent_and_level() -> None:
    graph = _analysed({})["dependency_graph"]

    assert [node["level"] for node in graph["nodes"]] == [0, 1, 1, 2]
    assert len(graph["edges"]) == 4
    assert graph["edges"][2] == {
        "from": "id-left",
        "to": "id-end",
        "from_name": "left",
        "to_name": "end",
    }
    assert graph["adjacency_list"]["id-start"] == ["id-left", "id-right"]
    assert graph["reverse_adjacency_list"]["id-end"] == ["id-left", "id-right"]


def test_a_healthy_task_has_neither_chains_nor_bottlenecks() -> None:
    found = _analysed({"start": StepState.COMPLETED, "left": StepState.READY})

    assert found["error_chains"]["chains"] == []
    assert found["bottlenecks"]["overall_impact"] == "None"
    assert found["task_execution_summary"]["overall_health"] == "healthy"
    assert found["task_execution_summary"]["critical_bottlenecks_count"] == 0
    assert found["task_execution_summary"]["parallelism_efficiency"] == 66.7
    assert found["parallelism_opportunities"]["current_parallel_opportunities"] == 1
    assert found["parallelism_opportunities"]["overall_completion"] == 25.0


@pytest.mark.parametrize(
    ("state", "fields", "kind"),
    [
        (StepState.FAILED, {"retryable": False}, "Non-Retryable"),
        (StepState.FAILED, {"failures": 3, "attempt_limit": 3}, "Retry Exhaustion"),
        (StepState.FAILED, {"failures": 1, "attempt_limit": 3}, "Permanent Failure"),
        (StepState.CANCELLED, {}, "Cancelled"),
        (StepState.BACKOFF, {"failures": 1, "attempt_limit": 3}, "Active Error"),
    ],
)
def test_a_bottleneck_is_told_by_its_kind(
    state: StepState, fields: dict[str, Any], kind: str
) -> None:
    [bottleneck] = _analysed({"start": state}, **fields)["bottlenecks"]["bottlenecks"]

    assert bottleneck["type"] == kind
    assert bottleneck["downstream_count"] == 3


def test_a_failure_at_the_root_is_critical_and_says_what_to_do() -> None:
    found = _analysed({"start": StepState.FAILED})

    [chain] = found["error_chains"]["chains"]
    assert chain["downstream_steps"] == ["left", "right", "end"]
    assert chain["recovery_strategies"][0]["strategy"] == "retry_step"
    assert found["bottlenecks"]["bottlenecks"][0]["severity"] == "Critical"
    assert found["task_execution_summary"]["overall_health"] == "critical"
    assert found["task_execution_summary"]["recommendations"] == [
        "Retry, complete or resolve start; 3 steps wait for them"
    ]


def test_a_wide_and_deep_graph_is_analysed_within_bounds() -> None:
    rows, width = 40, 10
    parents: dict[str, list[str]] = {}
    for row in range(rows):
        above = [f"s{row - 1}-{place}" for place in range(width)] if row else []
        parents.update({f"s{row}-{place}": above for place in range(width)})
    failed = {f"s0-{place}": StepState.FAILED for place in range(width)}

    found = analyse_dependencies(_run(RunState.FAILED), _steps(parents, failed), NOW)

    assert found["critical_paths"]["total_paths"] == MOST_PATHS
    assert len(found["critical_paths"]["paths"]) == 5
    assert len(found["bottlenecks"]["bottlenecks"]) == MAX_BOTTLENECKS


def test_a_flowchart_names_each_step_with_its_status_and_each_edge() -> None:
    states = {"start": StepState.COMPLETED, "left": StepState.RUNNING}

    text = diagram_of_task("shop.diamond@1.0.0", _steps(DIAMOND, states)).to_mermaid()

    assert text.splitlines()[:5] == [
        "---",
        'title: "shop.diamond@1.0.0"',
        "---",
        "flowchart TD",
        '    s0["start<br/>complete"]:::complete',
    ]
    assert text.count(" --> ") == 4
    assert "classDef in_progress fill:#90ee90" in text


def test_a_picture_is_well_formed_and_holds_no_code() -> None:
    nodes = [Node("a", "complete", ()), Node("b" * 60, "error", ["a"], "error, <2> & 3 attempts")]

    text = Diagram("<script>alert(1)</script>", nodes).to_svg()

    root = ET.fromstring(text)  # noqa: S314 - our own text
    names = {element.tag.partition("}")[2] for element in root.iter()}
    assert names <= {"svg", "title", "defs", "marker", "path", "rect", "text", "g", "line"}
    assert not any("style" in element.attrib or "href" in element.attrib for element in root.iter())
    assert "b" * 60 in text
    assert int(root.attrib["width"]) > 0


def test_every_status_has_a_colour() -> None:
    assert set(STEP_STATUS.values()) <= COLOURS.keys()


def test_the_largest_task_is_shown_and_analysed_in_time() -> None:
    parents: dict[str, list[str]] = {"root": []}
    parents |= {f"s{place}": ["root"] for place in range(MAX_STEPS - 1)}
    steps = _steps(parents, {"root": StepState.FAILED})
    started = time.perf_counter()

    found = analyse_dependencies(_run(RunState.FAILED), steps, NOW)
    shown = show_workflow_steps(steps)
    picture = diagram_of_task("w", steps).to_svg()

    assert time.perf_counter() - started < 20
    assert found["error_chains"]["chains"][0]["impact"] == MAX_STEPS - 1
    assert len(shown[0]["children"]) == MAX_STEPS - 1
    assert picture.count("<line ") == MAX_STEPS - 1
