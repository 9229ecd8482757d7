"""`/api/v1/destinations`: the configured ones, and a check of others before they are used."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from marshmallow import fields, validate

from ratchet_core.api.door import answer
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, Json, RequestSchema, shown
from ratchet_core.domain.delivery import MAX_DESTINATIONS, Destination
from ratchet_core.errors import NotFound, ValidationFailed


class DestinationSchema(AnswerSchema):
    """One configured destination; its options, which may hold secrets, are not shown."""

    name = shown(fields.String, "Of the destination.")
    type = shown(fields.String, "Such as `webhook`.")
    enabled = shown(fields.Boolean, "As configured.")
    run_states = shown(fields.List, "Ends of jobs that are delivered.", fields.String())
    problems = shown(fields.List, "Why it cannot be delivered to.", fields.String())
    disabled_reason = shown(
        fields.String,
        "Why it was switched off, such as its answer 410; null while it is on.",
        allow_none=True,
    )


class DestinationListSchema(AnswerSchema):
    """The configured destinations."""

    items = shown(fields.List, "In their order.", fields.Nested(DestinationSchema))
    total = shown(fields.Integer, "Number of items.")


class DestinationTestBody(RequestSchema):
    """Destinations to check."""

    destinations = fields.List(
        Json(),
        required=True,
        validate=validate.Length(1, MAX_DESTINATIONS),
        metadata={"description": "As in `output_destinations` of a new job."},
    )


class DestinationTestSchema(AnswerSchema):
    """What is wrong with one destination."""

    index = shown(fields.Integer, "In the request, from 0.")
    destination_type = shown(fields.String, "Its `type`, or null.", allow_none=True)
    success = shown(fields.Boolean, "Nothing is wrong.")
    error = shown(fields.String, "What is wrong, or null.", allow_none=True)
    estimated_time_ms = shown(fields.Float, "How long the check took.")


class DestinationTestAnswerSchema(AnswerSchema):
    """What is wrong with each destination; nothing was sent."""

    results = shown(fields.List, "In their order.", fields.Nested(DestinationTestSchema))
    overall_success = shown(fields.Boolean, "Nothing is wrong with any.")


def declare_destinations(blueprint: DoorBlueprint) -> None:
    """Add the operations on destinations to `blueprint`."""

    @blueprint.operation(
        "GET",
        "/destinations",
        "listDestinations",
        permission="delivery:read",
        answers={200: DestinationListSchema},
    )
    def list_destinations() -> Response:
        """List the destinations that the configuration names, and whether they work."""
        items = configured()
        return answer.json({"items": items, "total": len(items)})

    @blueprint.operation(
        "POST",
        "/destinations/<name>/enable",
        "enableDestination",
        permission="delivery:redeliver",
        answers={200: DestinationSchema},
        problems=(404,),
    )
    def enable_destination(name: str) -> Response:
        """Switch a destination on again that has answered 410."""
        return answer.json(switched_on(name))

    @blueprint.operation(
        "POST",
        "/jobs/test-output-destinations",
        "testOutputDestinations",
        permission="workflow:run",
        body=DestinationTestBody,
        answers={200: DestinationTestAnswerSchema},
    )
    def test_output_destinations(body: Mapping[str, Any]) -> Response:
        """Check destinations as a new job would, without sending anything."""
        return answer.json(tested(body["destinations"]))


def configured() -> list[dict[str, Any]]:
    """Return the destinations that the configuration names."""
    off = ratchet().reads.deliveries.disabled()
    return [_show(one, off) for one in ratchet().core.destinations.everywhere]


def switched_on(name: str) -> dict[str, Any]:
    """Switch a destination on again and return it.

    Raises:
        NotFound: the configuration names none so.
    """
    everywhere = ratchet().core.destinations.everywhere
    found = next((one for one in everywhere if one.name == name), None)
    was_off = ratchet().engine.deliveries.enable(name)
    if found is None:
        message = f"Destination '{name[:100]}' is not configured"
        raise NotFound(f"{message}; it was switched on again" if was_off else message)
    return _show(found, {})


def tested(destinations: Sequence[Any]) -> dict[str, Any]:
    """Return what is wrong with destinations."""
    results = [_tested(index, item) for index, item in enumerate(destinations)]
    success = all(result["success"] for result in results)
    return {"results": results, "overall_success": success}


def _show(one: Destination, off: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": one.name,
        "type": one.kind,
        "enabled": one.enabled,
        "run_states": list(one.run_states),
        "problems": list(ratchet().core.destinations.check(one)),
        "disabled_reason": off.get(one.name),
    }


def _tested(index: int, item: Any) -> dict[str, Any]:
    started = time.perf_counter()
    error = None
    try:
        ratchet().core.destinations.checked([item])
    except ValidationFailed as refused:
        error = "; ".join(problem for wrong in refused.details.values() for problem in wrong)
    options = item.get("destination", item) if isinstance(item, Mapping) else {}
    kind = options.get("type") if isinstance(options, Mapping) else None
    return {
        "index": index,
        "destination_type": kind if isinstance(kind, str) else None,
        "success": error is None,
        "error": error,
        "estimated_time_ms": (time.perf_counter() - started) * 1000,
    }
