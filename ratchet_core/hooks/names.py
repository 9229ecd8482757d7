"""The names under which plugins offer things, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratchet_core.sdk.handler import FunctionHandler, StepHandler
from ratchet_core.sdk.input import InputSource, WebhookSource


def handler_name(handler: StepHandler) -> str | None:
    """Return the name of a step handler."""
    if isinstance(handler, FunctionHandler):
        return handler.registered_name
    return handler.name


def declared_name(item: Any) -> str | None:
    """Return the `name` that a class or an instance declares."""
    name = getattr(item, "name", None)
    return name if isinstance(name, str) else None


def source_name(kind: type) -> str | None:
    """Return the name of a kind of input sources; None where it is none."""
    return declared_name(kind) if issubclass(kind, InputSource | WebhookSource) else None


def clash(noun: str, names: Sequence[str | None], owners: Mapping[str, str]) -> str | None:
    """Return what is wrong with the names that one plugin offers; None where nothing is.

    Args:
        noun: what is offered.
        names: under which it is offered.
        owners: name to the plugin that has it already.
    """
    for name in names:
        if not name:
            return f"it offers a {noun} without a name"
        if name in owners:
            return f"the {noun} '{name}' is taken by plugin '{owners[name]}'; deny one of the two"
        if names.count(name) > 1:
            return f"it offers two {noun}s named '{name}'"
    return None
