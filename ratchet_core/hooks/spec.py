"""The hook specifications: what a plugin may implement, when it is called, and what may go wrong.

Four kinds, told apart by their names; each has one failure policy (architecture.md section 6).
`ratchet_register_*` hooks are called once per process, at start, after the plugin's settings are
known. A plugin whose registration raises is quarantined with the reason and the others go on;
an authenticator that fails to load always refuses the start. `ratchet_before_*` may refuse,
`ratchet_decide_*` may choose, `ratchet_on_*` is told afterwards.

Implementations are plain functions, called in the order of the plugins' names, those with
`tryfirst` before and those with `trylast` after the others. A call of a `before`, `decide` or `on`
hook may take `plugins.call_budget` seconds; while one takes longer, its plugin is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pluggy import HookspecMarker

from ratchet_core.sdk.marker import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import click
    from flask import Blueprint

    from ratchet_core.domain.catalogue import Event
    from ratchet_core.domain.outcome import Failed
    from ratchet_core.domain.retry import RetryDecision
    from ratchet_core.domain.workflow import WorkflowDefinition
    from ratchet_core.sdk.authentication import Authenticator, AuthorizationCoordinator
    from ratchet_core.sdk.handler import StepHandler
    from ratchet_core.sdk.input import InputSource, WebhookSource
    from ratchet_core.sdk.moment import AttemptInfo, Submission
    from ratchet_core.sdk.output import OutputDestination
    from ratchet_core.sdk.services import PluginServices

hookspec = HookspecMarker(PROJECT)


@hookspec
def ratchet_register_settings() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Say which settings the plugin has: the JSON Schema of `plugins.settings.<name>`.

    Called once per process, before every other hook of the plugin. What is configured is checked
    against it, and `default` of top-level properties is filled in. Settings of the environment
    (`RATCHET_PLUGIN_<NAME>__<KEY>`) that look like numbers or booleans arrive as such.

    Returns:
        A JSON Schema of an object; say `additionalProperties: false`, so that misspelt keys show.

    Raises:
        Whatever it raises quarantines the plugin, as do settings that do not match the schema.
    """


@hookspec
def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:  # type: ignore[empty-body]
    """Offer step handlers.

    Called once in each process that loads definitions or runs steps, before any fork: open no
    connection and start no thread here, but in `StepHandler.warm` or `process`.

    Args:
        services: the plugin's settings, the HTTP client, its data directory.

    Returns:
        Instances of `StepHandler`; each is known by its `name`. A name that is taken already
        quarantines the plugin that came later.

    Raises:
        Whatever it raises quarantines the plugin, with the reason in `ratchet plugins`.
    """


@hookspec
def ratchet_register_output_destinations(services: PluginServices) -> Iterable[OutputDestination]:  # type: ignore[empty-body]
    """Offer kinds of output destinations.

    Called once in each process that checks destinations or delivers, before any fork: open no
    connection and start no thread here, but in `OutputDestination.deliver`.

    Args:
        services: the plugin's settings, the HTTP client, its data directory.

    Returns:
        Instances of `OutputDestination`; each is known by its `name`. A name that is taken
        already quarantines the plugin that came later.

    Raises:
        Whatever it raises quarantines the plugin; deliveries of its kinds wait as failed ones.
    """


@hookspec
def ratchet_register_input_sources() -> Iterable[type[InputSource | WebhookSource]]:  # type: ignore[empty-body]
    """Offer kinds of input sources: classes, of which those that are configured are made.

    Called once in each process that ingests or serves the API; do nothing but name the classes.
    They are made with a `SourceSettings`, one instance per configured source.

    Returns:
        Subclasses of `InputSource` (they fetch) or `WebhookSource` (they are called); each is
        known by its `name`. A name that is taken already quarantines the plugin that came later.

    Raises:
        Whatever it raises quarantines the plugin; its sources take nothing.
    """


@hookspec
def ratchet_register_workflows(services: PluginServices) -> Iterable[WorkflowDefinition | Path]:  # type: ignore[empty-body]
    """Offer workflow definitions.

    Called once at start, and again when definitions are reloaded in `ratchet up`.

    Args:
        services: the plugin's settings, the HTTP client, its data directory.

    Returns:
        Definitions, or paths of files and directories that hold them in any known format.

    Raises:
        Whatever it raises quarantines the plugin; its steps handlers stay.
    """


@hookspec
def ratchet_register_authenticators() -> Iterable[type[Authenticator]]:  # type: ignore[empty-body]
    """Offer authenticators: classes, of which those that the configuration names are made.

    Called in processes that serve the API, while authentication is on, and to list plugins.
    The classes that are chosen are made with an `AuthenticatorSettings`.

    Returns:
        Subclasses of `Authenticator`; each is known by its `name`.

    Raises:
        Whatever it raises, and whatever the constructor of a chosen class raises, refuses the
        start, whether or not plugins are strict: a server must not open without its guard.
    """


@hookspec
def ratchet_register_commands() -> Iterable[click.Command]:  # type: ignore[empty-body]
    """Offer sub-commands of the `ratchet` command line.

    Called once when the command line starts; do nothing but build the commands.

    Returns:
        Commands of the `click` library. A name that is taken already quarantines the plugin.

    Raises:
        Whatever it raises quarantines the plugin; the command line works without it.
    """


@hookspec
def ratchet_register_authorization_coordinators() -> Iterable[type[AuthorizationCoordinator]]:  # type: ignore[empty-body]
    """Offer coordinators, which decide what callers may do in place of the built-in roles.

    Called in processes that serve the API, while authentication is on, and to list plugins.
    The one that `auth.authorization_coordinator_class` names is made, without arguments.

    Returns:
        Subclasses of `AuthorizationCoordinator`; each is known by its `name`.

    Raises:
        Whatever it raises, and whatever the constructor of the chosen class raises, refuses the
        start, whether or not plugins are strict.
    """


@hookspec
def ratchet_register_blueprints(services: PluginServices) -> Iterable[Blueprint]:  # type: ignore[empty-body]
    """Offer routes: Flask blueprints, mounted under `/plugins/<name of the plugin>`.

    Called once at start, in processes that serve the API. Every route is closed: GET and HEAD
    need the permission `plugin:read`, the others `plugin:write`. Views run in threads.

    Args:
        services: the plugin's settings, the HTTP client, its data directory.

    Returns:
        Blueprints; their names must differ.

    Raises:
        Whatever it raises, and whatever mounting raises, quarantines the plugin; the API is
        served without its routes.
    """


@hookspec
def ratchet_before_submit(submission: Submission) -> None:
    """Refuse a request for a run, or let it pass.

    Called in the process that accepts the run (API server, ingester, command line, and the
    scheduler for schedules), before anything is stored, with no transaction open; for a repeated
    request with a known idempotency key too. The caller waits: answer from memory.

    Args:
        submission: what is asked for; the workflow may not exist.

    Raises:
        Refused: the request is answered with 403, the message and the code; a schedule keeps the
            message as its problem.
        Exception: anything else is logged and counted, and the request fails with 500: a run is
            not accepted unseen.
    """


@hookspec
def ratchet_before_attempt(attempt: AttemptInfo) -> None:
    """Refuse an attempt, hold it back, or let it pass.

    Called in the drain (a worker process), after the step was marked as started and before its
    handler is called, within the attempt's time limit; once per attempt, so for every step: be
    quick.

    Args:
        attempt: the run, the step and the number of the attempt.

    Raises:
        Refused: the attempt fails for good, with the message and the code.
        RetryableError: the attempt fails and is tried again, after `retry_after_s` if given, as
            far as the step's policy allows.
        Exception: anything else is logged and counted, and the attempt fails; the step's policy
            decides about another one.
    """


@hookspec(firstresult=True)
def ratchet_decide_retry(attempt: AttemptInfo, failure: Failed) -> RetryDecision | None:
    """Choose whether and when a failed attempt runs again; the first plugin that answers wins.

    Called in the drain, once per failed attempt, before anything of it is stored and while the
    step is held: answer from memory. Not asked about attempts that were lost with their worker.

    Args:
        attempt: the run, the step and the number of the attempt that failed.
        failure: `kind` is "error" or "timeout"; `message` is at most 4,096 characters.

    Returns:
        `RetryDecision.after(delay_s)` in seconds, also past the limits of the step's policy;
        `RetryDecision.stop()` to give up; None to leave it to the next plugin, and last to the
        step's policy.

    Raises:
        Whatever it raises, and an answer of another type, is logged, counted, and taken as None.
    """


@hookspec(firstresult=True)
def ratchet_decide_queue(submission: Submission, queue: str) -> str | None:
    """Choose the queue of a new run's steps; the first plugin that answers wins.

    Called where `ratchet_before_submit` is, after it, for runs that pass. Steps of a queue that no
    worker serves wait.

    Args:
        submission: what is asked for.
        queue: the workflow's own.

    Returns:
        A name: 1 to 64 letters, digits, `_`, `-` and `.`; None to leave it to the next plugin.

    Raises:
        Whatever it raises, and an answer that is no such name, is logged, counted, and taken as
        None.
    """


@hookspec
def ratchet_on_event(event: Event) -> None:
    """Be told that something happened.

    Called in a process of its own (`ratchet worker` keeps it), on a thread of the plugin's own,
    in the journal's order, after the commit. Each event comes at least once: after the death of
    that process some come again, with the same `sequence`. It may block, up to the budget; a slow
    plugin falls behind alone. A new plugin begins with what happens after its first start.

    Args:
        event: of the catalogue (docs/reference/events.md), or a custom one.

    Raises:
        Whatever it raises is logged and counted; the event does not come again, and the other
        plugins get theirs.
    """
