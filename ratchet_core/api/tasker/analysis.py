"""The full analysis of a task's dependencies: paths, levels, errors and what they hold up. Pure.

The numbers that weigh steps against each other are Tasker's defaults (`dependency_graph` of its
configuration).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from ratchet_core.api.door.moment import to_seconds
from ratchet_core.api.tasker.dependency import blocked_steps
from ratchet_core.api.tasker.state import STEP_STATUS
from ratchet_core.domain.graph import (
    children_of,
    count_paths,
    descendants_of,
    levels_of,
    longest_path_to,
)
from ratchet_core.domain.states import (
    STEP_ACTIVE,
    STEP_GIVEN_UP,
    STEP_SATISFIED,
    RunState,
    StepState,
)
from ratchet_core.domain.views import RunView, StepView

#: Paths, bottlenecks and chains that are shown; counts are of all.
MAX_PATHS: Final = 5
MAX_BOTTLENECKS: Final = 10
MAX_CHAINS: Final = 100
MAX_DOWNSTREAM: Final = 100
#: Paths are counted up to here: there may be more than a number can hold.
MOST_PATHS: Final = 10**9

_CANDIDATES: Final = 50
_LENGTH, _DONE, _BLOCKED, _ERROR, _RETRY = 10, 15, 25, 30, 10
_DOWNSTREAM, _HELD_UP = 5, 15
_ERROR_FACTOR, _EXHAUSTED_FACTOR = 2.0, 1.5
_INSTABILITY, _NOT_RETRYABLE, _EXHAUSTED = 3, 10, 20
_SEVERITIES: Final = ((100, "Critical"), (50, "High"), (20, "Medium"), (0, "Low"))
_OVERALL: Final = {"Critical": "Severe", "High": "High", "Medium": "Medium", "Low": "Low"}
_WIDE, _PARALLEL = 4, 2


class Graph:
    """The steps of one task and what can be read from how they depend on each other."""

    def __init__(self, steps: Sequence[StepView]) -> None:
        self.steps = {step.name: step for step in steps}
        self.parents = {step.name: step.depends_on for step in steps}
        self.children = children_of(self.parents)
        self.levels = levels_of(self.parents)
        self.blocked = frozenset(blocked_steps(steps))

    @cached_property
    def by_level(self) -> list[list[StepView]]:
        """The steps of each level, in definition order."""
        rows: list[list[StepView]] = [[] for _ in range(1 + max(self.levels.values()))]
        for name, level in self.levels.items():
            rows[level].append(self.steps[name])
        return rows

    @cached_property
    def errors(self) -> list[StepView]:
        """The steps that failed, were cancelled, or wait to be tried again."""
        return [
            step
            for step in self.steps.values()
            if step.state in STEP_GIVEN_UP or step.state is StepState.BACKOFF
        ]

    @cached_property
    def below(self) -> Mapping[str, list[str]]:
        """What is below each step with an error, in definition order."""
        return {
            step.name: [name for name in self.steps if name in found]
            for step in self.errors[:MAX_CHAINS]
            for found in (descendants_of(step.name, self.children),)
        }


def analyse_dependencies(run: RunView, steps: Sequence[StepView], now: datetime) -> dict[str, Any]:
    """Return the analysis of a task and its steps in definition order."""
    graph = Graph(steps)
    paths = _paths(graph)
    parallelism = _parallelism(graph)
    chains = _error_chains(graph)
    bottlenecks = _bottlenecks(graph)
    return {
        "dependency_graph": _shown_graph(graph),
        "critical_paths": paths,
        "parallelism_opportunities": parallelism,
        "error_chains": chains,
        "bottlenecks": bottlenecks,
        "analysis_timestamp": to_seconds(now),
        "task_execution_summary": _summary(run, graph, paths, parallelism, bottlenecks),
    }


def _shown_graph(graph: Graph) -> dict[str, Any]:
    ids = {name: step.id for name, step in graph.steps.items()}
    return {
        "nodes": [
            {"id": ids[name], "name": name, "level": level} for name, level in graph.levels.items()
        ],
        "edges": [
            {"from": ids[parent], "to": ids[name], "from_name": parent, "to_name": name}
            for name, parents in graph.parents.items()
            for parent in parents
        ],
        "adjacency_list": {
            ids[name]: [ids[child] for child in children]
            for name, children in graph.children.items()
        },
        "reverse_adjacency_list": {
            ids[name]: [ids[parent] for parent in parents]
            for name, parents in graph.parents.items()
        },
        "dependency_levels": {ids[name]: level for name, level in graph.levels.items()},
    }


def _paths(graph: Graph) -> dict[str, Any]:
    leaves = [name for name, children in graph.children.items() if not children]
    deepest = sorted(leaves, key=lambda name: -graph.levels[name])[:_CANDIDATES]
    paths = [
        _shown_path(graph, longest_path_to(name, graph.parents, graph.levels)) for name in deepest
    ]
    paths.sort(key=lambda path: -path["criticality_score"])
    return {
        "total_paths": count_paths(graph.parents, MOST_PATHS),
        "longest_path_length": len(graph.by_level),
        "paths": paths[:MAX_PATHS],
        "root_nodes": [name for name, parents in graph.parents.items() if not parents],
        "leaf_nodes": leaves,
    }


def _shown_path(graph: Graph, names: Sequence[str]) -> dict[str, Any]:
    steps = [graph.steps[name] for name in names]
    done = sum(step.state in STEP_SATISFIED for step in steps)
    blocked = sum(step.name in graph.blocked for step in steps)
    errors = sum(step.state in STEP_GIVEN_UP for step in steps)
    retries = sum(max(0, step.attempts - 1) for step in steps)
    score = (
        len(steps) * _LENGTH
        - done * _DONE
        + blocked * _BLOCKED
        + errors * _ERROR
        + retries * _RETRY
    )
    left = [step.name for step in steps if step.state not in STEP_SATISFIED]
    return {
        "length": len(steps),
        "step_names": list(names),
        "completed_steps": done,
        "blocked_steps": blocked,
        "error_steps": errors,
        "retried_attempts": retries,
        "completion_percentage": _percent(done, len(steps)),
        "current_step": left[0] if left else None,
        "criticality_score": score,
    }


def _parallelism(graph: Graph) -> dict[str, Any]:
    widest = max(len(row) for row in graph.by_level)
    states = Counter(step.state for step in graph.steps.values())
    done = sum(states[state] for state in STEP_SATISFIED)
    return {
        "total_steps": len(graph.steps),
        "total_levels": len(graph.by_level),
        "max_parallel_steps": widest,
        "current_parallel_opportunities": sum(states[state] for state in STEP_ACTIVE),
        "blocked_parallel_opportunities": len(graph.blocked),
        "overall_completion": _percent(done, len(graph.steps)),
        "levels": [_shown_level(graph, level) for level in range(len(graph.by_level))],
        "parallelism_efficiency": _percent(len(graph.steps), widest * len(graph.by_level)),
    }


def _shown_level(graph: Graph, level: int) -> dict[str, Any]:
    steps = graph.by_level[level]
    potential = "Low"
    if len(steps) >= _PARALLEL:
        potential = "High" if len(steps) >= _WIDE else "Medium"
    return {
        "level": level,
        "step_count": len(steps),
        "step_names": [step.name for step in steps],
        "completed": sum(step.state in STEP_SATISFIED for step in steps),
        "active": sum(step.state in STEP_ACTIVE for step in steps),
        "blocked": sum(step.name in graph.blocked for step in steps),
        "parallelism_potential": potential,
    }


def _error_chains(graph: Graph) -> dict[str, Any]:
    chains = [_chain(graph, step) for step in graph.errors[:MAX_CHAINS]]
    chains.sort(key=lambda chain: -chain["impact"])
    return {
        "total_error_steps": len(graph.errors),
        "total_blocked_by_errors": len(graph.blocked),
        "chains": chains,
        "recovery_priority": [chain["root_step"] for chain in chains[:3]],
    }


def _chain(graph: Graph, step: StepView) -> dict[str, Any]:
    return {
        "root_step": step.name,
        "status": STEP_STATUS[step.state],
        "error": None if step.error is None else step.error.message,
        "downstream_steps": graph.below[step.name][:MAX_DOWNSTREAM],
        "impact": len(graph.below[step.name]),
        "retry_analysis": {
            "attempts": step.attempts,
            "counted_attempts": step.failures,
            "retry_limit": step.retry_limit,
            "retryable": step.retryable,
            "exhausted": _is_exhausted(step),
            "waits_for_backoff": step.state is StepState.BACKOFF,
        },
        "recovery_strategies": _strategies(step),
    }


def _strategies(step: StepView) -> list[dict[str, Any]]:
    """Return what an operator can do, the most likely first."""
    name = step.name
    if step.state is StepState.BACKOFF:
        ways = [
            ("wait", f"'{name}' is tried again by itself when its back-off ends"),
            ("retry_step", f"try '{name}' again now"),
        ]
    else:
        ways = [
            ("retry_step", f"mend the cause and run '{name}' again; its attempts count anew"),
            ("edit_step", f"give '{name}' other inputs or a higher retry_limit, then retry it"),
            ("complete_step", f"complete '{name}' with results from elsewhere"),
            ("resolve_step", f"resolve '{name}' without results, so that what waits goes on"),
        ]
    return [
        {"strategy": strategy, "priority": place, "description": text}
        for place, (strategy, text) in enumerate(ways, start=1)
    ]


def _bottlenecks(graph: Graph) -> dict[str, Any]:
    found = [_bottleneck(graph, step) for step in graph.errors[:MAX_CHAINS]]
    found.sort(key=lambda item: -item["impact_score"])
    worst = _OVERALL[found[0]["severity"]] if found else "None"
    return {
        "total_bottlenecks": len(graph.errors),
        "critical_bottlenecks": sum(item["severity"] == "Critical" for item in found),
        "overall_impact": worst,
        "bottlenecks": found[:MAX_BOTTLENECKS],
    }


def _bottleneck(graph: Graph, step: StepView) -> dict[str, Any]:
    downstream = graph.below[step.name]
    held_up = sum(name in graph.blocked for name in downstream)
    exhausted = _is_exhausted(step)
    score = float(len(downstream) * _DOWNSTREAM + held_up * _HELD_UP)
    if step.state in STEP_GIVEN_UP:
        score *= _ERROR_FACTOR * (_EXHAUSTED_FACTOR if exhausted else 1.0)
    score += _INSTABILITY * max(0, step.attempts - 1)
    score += 0 if step.retryable else _NOT_RETRYABLE
    score += _EXHAUSTED if exhausted else 0
    severity = next(name for least, name in _SEVERITIES if score >= least)
    return {
        "step_name": step.name,
        "workflow_step_id": step.id,
        "status": STEP_STATUS[step.state],
        "type": _kind(step),
        "impact_score": round(score, 1),
        "severity": severity,
        "downstream_count": len(downstream),
        "blocked_count": held_up,
        "resolution_strategy": _strategies(step)[0]["description"],
    }


def _kind(step: StepView) -> str:
    if step.state is StepState.BACKOFF:
        return "Active Error"
    if step.state is StepState.CANCELLED:
        return "Cancelled"
    if _is_exhausted(step):
        return "Retry Exhaustion"
    return "Permanent Failure" if step.retryable else "Non-Retryable"


def _is_exhausted(step: StepView) -> bool:
    return step.retryable and step.state in STEP_GIVEN_UP and step.failures >= step.attempt_limit


def _summary(
    run: RunView,
    graph: Graph,
    paths: Mapping[str, Any],
    parallelism: Mapping[str, Any],
    bottlenecks: Mapping[str, Any],
) -> dict[str, Any]:
    critical = bottlenecks["critical_bottlenecks"]
    health = "healthy"
    if graph.errors:
        is_lost = critical > 0 or run.state is RunState.FAILED
        health = "critical" if is_lost else "warning"
    return {
        "total_steps": len(graph.steps),
        "total_dependencies": sum(len(parents) for parents in graph.parents.values()),
        "dependency_levels": len(graph.by_level),
        "longest_path_length": paths["longest_path_length"],
        "critical_bottlenecks_count": critical,
        "error_chains_count": len(graph.errors),
        "parallelism_efficiency": parallelism["parallelism_efficiency"],
        "overall_health": health,
        "recommendations": _recommendations(graph),
    }


def _recommendations(graph: Graph) -> list[str]:
    given_up = [step.name for step in graph.errors if step.state in STEP_GIVEN_UP]
    waiting = [step.name for step in graph.errors if step.state is StepState.BACKOFF]
    told = []
    if given_up:
        held_up = f"; {len(graph.blocked)} steps wait for them" if graph.blocked else ""
        told.append(f"Retry, complete or resolve {', '.join(given_up[:5])}{held_up}")
    if waiting:
        told.append(f"{', '.join(waiting[:5])} will be tried again; look at the errors if it lasts")
    is_a_chain = len(graph.by_level) == len(graph.steps) > _WIDE
    if is_a_chain:
        told.append("Every step waits for the one before; steps that need not could run beside it")
    return told


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1)
