"""The analysis of a task's dependencies, as the document describes it."""

from __future__ import annotations

from marshmallow import fields

from ratchet_core.api.door.field import AnswerSchema, Json, shown


class TaskerCriticalPathsSchema(AnswerSchema):
    """Ways from first steps to last ones."""

    total_paths = shown(fields.Integer, "Number of ways, counted up to a billion.")
    longest_path_length = shown(fields.Integer, "In steps.")
    paths = shown(fields.List, "The up to five most critical ones.", fields.Dict())
    root_nodes = shown(fields.List, "Names of steps without parents.", fields.String())
    leaf_nodes = shown(fields.List, "Names of steps without children.", fields.String())


class TaskerParallelismSchema(AnswerSchema):
    """What can run side by side."""

    total_steps = shown(fields.Integer, "Of the task.")
    total_levels = shown(fields.Integer, "Steps of a level depend only on levels above.")
    max_parallel_steps = shown(fields.Integer, "Steps of the widest level.")
    current_parallel_opportunities = shown(fields.Integer, "Steps that run or may run now.")
    blocked_parallel_opportunities = shown(fields.Integer, "Steps held up by an error.")
    overall_completion = shown(fields.Float, "Per cent.")
    levels = shown(fields.List, "From the top.", fields.Dict())
    parallelism_efficiency = shown(fields.Float, "Average of the widest level, per cent.")


class TaskerErrorChainsSchema(AnswerSchema):
    """Errors and what they hold up."""

    total_error_steps = shown(fields.Integer, "Failed, cancelled, or waiting to be tried again.")
    total_blocked_by_errors = shown(fields.Integer, "Steps that cannot run because of them.")
    chains = shown(fields.List, "Up to 100, those that hold up most first.", fields.Dict())
    recovery_priority = shown(fields.List, "The three steps to mend first.", fields.String())


class TaskerBottlenecksSchema(AnswerSchema):
    """Steps that hold others up."""

    total_bottlenecks = shown(fields.Integer, "Number of them.")
    critical_bottlenecks = shown(fields.Integer, "Number of critical ones.")
    overall_impact = shown(fields.String, "`None`, `Low`, `Medium`, `High` or `Severe`.")
    bottlenecks = shown(fields.List, "The up to ten worst.", fields.Dict())


class TaskerExecutionSummarySchema(AnswerSchema):
    """The analysis in a few figures."""

    total_steps = shown(fields.Integer, "Of the task.")
    total_dependencies = shown(fields.Integer, "Edges of the graph.")
    dependency_levels = shown(fields.Integer, "Levels of the graph.")
    longest_path_length = shown(fields.Integer, "In steps.")
    critical_bottlenecks_count = shown(fields.Integer, "Number of critical bottlenecks.")
    error_chains_count = shown(fields.Integer, "Number of steps with an error.")
    parallelism_efficiency = shown(fields.Float, "Per cent.")
    overall_health = shown(fields.String, "`healthy`, `warning` or `critical`.")
    recommendations = shown(fields.List, "What to do.", fields.String())


class TaskerAnalysisSchema(AnswerSchema):
    """How the steps of a task depend on each other, and what that means now."""

    dependency_graph = shown(Json, "Nodes, edges and levels, by the UUIDs of the steps.")
    critical_paths = fields.Nested(TaskerCriticalPathsSchema, required=True)
    parallelism_opportunities = fields.Nested(TaskerParallelismSchema, required=True)
    error_chains = fields.Nested(TaskerErrorChainsSchema, required=True)
    bottlenecks = fields.Nested(TaskerBottlenecksSchema, required=True)
    analysis_timestamp = shown(fields.DateTime, "When it was made.")
    task_execution_summary = fields.Nested(TaskerExecutionSummarySchema, required=True)
