"""`/api/v1/deliveries`: looking at deliveries, and asking for them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.paging import listed, window
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.ratchet.delivery import (
    MAX_REDELIVERED,
    DeliveryDetailSchema,
    DeliveryListQuery,
    DeliveryPageSchema,
    DeliverySchema,
    RedeliverAnswerSchema,
    RedeliverBody,
    show_attempt,
    show_delivery,
)
from ratchet_core.api.ratchet.filter import chosen_states, of_task
from ratchet_core.domain.delivery import DELIVERY_ENDED, DeliveryQuery, DeliveryState, DeliveryView
from ratchet_core.domain.query import Window
from ratchet_core.errors import (
    AuthorizationFailed,
    DeliveryNotFound,
    ValidationFailed,
    WorkflowNotFound,
)


def declare_deliveries(blueprint: DoorBlueprint) -> None:
    """Add the operations on deliveries to `blueprint`."""
    _declare_looks(blueprint)
    _declare_verbs(blueprint)


def _declare_looks(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/deliveries",
        "listDeliveries",
        permission="delivery:read",
        query=DeliveryListQuery,
        answers={200: DeliveryPageSchema},
    )
    def list_deliveries(query: Mapping[str, Any]) -> Response:
        """List deliveries of outputs, newest first."""
        wanted = delivery_query(query)
        if wanted is None:
            return answer.json(listed([], 0, None))
        page = reads().deliveries(wanted, window(query))
        items = [show_delivery(view) for view in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))

    @blueprint.operation(
        "GET",
        "/deliveries/<delivery_id>",
        "getDelivery",
        permission="delivery:read",
        answers={200: DeliveryDetailSchema},
        problems=(404,),
    )
    def get_delivery(delivery_id: str) -> Response:
        """Show one delivery with every attempt."""
        view = find_delivery(delivery_id)
        attempts = [show_attempt(one) for one in reads().delivery_attempts(view.id)]
        return answer.json({**show_delivery(view), "attempt_list": attempts})


def _declare_verbs(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/deliveries/<delivery_id>/redeliver",
        "redeliver",
        permission="delivery:redeliver",
        answers={200: DeliverySchema},
        problems=(404, 409),
    )
    def redeliver(delivery_id: str) -> Response:
        """Send an output again, with all its attempts."""
        return answer.json(show_delivery(redelivered(delivery_id)))

    @blueprint.operation(
        "POST",
        "/deliveries/redeliver",
        "redeliverMany",
        permission="delivery:redeliver",
        body=RedeliverBody,
        answers={200: RedeliverAnswerSchema},
        problems=(404,),
    )
    def redeliver_many(body: Mapping[str, Any]) -> Response:
        """Send outputs again that were put aside, or those that are named."""
        return answer.json(redeliver_chosen(body))


def find_delivery(text: str) -> DeliveryView:
    """Return the delivery of an id.

    Raises:
        DeliveryNotFound: there is none, or none that the caller may know of.
    """
    delivery_id = read_id(text)
    if delivery_id is None:
        raise DeliveryNotFound(text[:100])
    return reads().delivery(delivery_id)


def redelivered(text: str) -> DeliveryView:
    """Send an output again and return its delivery as it stands then.

    Raises:
        DeliveryNotFound: there is none, or none that the caller may know of.
        AuthorizationFailed: the caller may see it and do no more.
        Conflict: it has not ended.
    """
    view = find_delivery(text)
    permit(view.namespace)
    ratchet().engine.deliveries.redeliver(view.id)
    return reads().delivery(view.id)


def redeliver_chosen(body: Mapping[str, Any]) -> dict[str, Any]:
    """Send the outputs again that a loaded `RedeliverBody` means, and tell how many.

    Raises:
        ValidationFailed, DeliveryNotFound, AuthorizationFailed: as it is said what is meant.
    """
    chosen, matched = _chosen(body)
    done = 0
    if chosen and not body["dry_run"]:
        done = ratchet().engine.deliveries.redeliver_many([view.id for view in chosen])
    return {"dry_run": body["dry_run"], "matched": matched, "redelivered": done}


def delivery_query(query: Mapping[str, Any]) -> DeliveryQuery | None:
    """Return the filters; None where nothing can match."""
    try:
        task = of_task(query)
    except WorkflowNotFound:
        return None
    run_id = query.get("job_id")
    states = chosen_states(query)
    if states == () or (run_id is not None and read_id(run_id) is None):
        return None
    return DeliveryQuery(
        states=states,
        run_id=None if run_id is None else read_id(run_id),
        destination=query.get("destination"),
        namespace=task["namespace"],
        name=task["name"],
        created_from=query.get("created_at_gte"),
        created_to=query.get("created_at_lte"),
    )


def _chosen(body: Mapping[str, Any]) -> tuple[list[DeliveryView], int]:
    """Return the ended deliveries that are meant and that the caller may send, and how many match.

    Raises:
        ValidationFailed: both ids and a filter, or neither.
        DeliveryNotFound: one of the ids is none.
        AuthorizationFailed: the caller may do so in none of the namespaces.
    """
    if (body["ids"] is None) == ("filter" not in body):
        message = "Give either `ids` or `filter`"
        raise ValidationFailed(message, {"ids": ["one of ids and filter is needed"]})
    if body["ids"] is not None:
        views = [find_delivery(text) for text in dict.fromkeys(body["ids"])]
        for view in views:
            permit(view.namespace)
        ended = [view for view in views if view.state in DELIVERY_ENDED]
        return ended, len(ended)
    wanted = delivery_query({"status": (DeliveryState.FAILED,), **body["filter"]})
    if wanted is None or not set(wanted.states or ()) <= DELIVERY_ENDED:
        return [], 0
    oldest = Window(limit=MAX_REDELIVERED, order="asc")
    page = reads().deliveries(wanted, oldest)
    return [view for view in page.items if _may(view)], page.total


def _may(view: DeliveryView) -> bool:
    try:
        permit(view.namespace)
    except AuthorizationFailed:
        return False
    return True
