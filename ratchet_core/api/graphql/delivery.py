"""Deliveries and destinations in the graph: the same reads and verbs as `/api/v1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.paging import window
from ratchet_core.api.graphql.arguments import read_body, read_parameters
from ratchet_core.api.graphql.node import Node, nodes
from ratchet_core.api.graphql.query import EMPTY, Fields, page_fields
from ratchet_core.api.ratchet.deliveries import (
    delivery_query,
    find_delivery,
    redeliver_chosen,
    redelivered,
)
from ratchet_core.api.ratchet.delivery import (
    DeliveryFilter,
    DeliveryListQuery,
    RedeliverBody,
    show_attempt,
    show_delivery,
)
from ratchet_core.api.ratchet.destinations import (
    DestinationTestBody,
    configured,
    switched_on,
    tested,
)
from ratchet_core.domain.delivery import DeliveryAttemptView, DeliveryView


def deliveries(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the list of deliveries."""
    query = read_parameters(DeliveryListQuery, given)
    wanted = delivery_query(query)
    if wanted is None:
        return EMPTY
    page = reads().deliveries(wanted, window(query))
    return page_fields(page, nodes(page.items, show_delivery))


def delivery(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Node[DeliveryView]:
    """Return one delivery."""
    return _node(find_delivery(given["id"]))


def attempts_of_delivery(node: Node[DeliveryView], _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the attempts of a delivery, loaded for all deliveries around it at once."""

    def load(views: Sequence[DeliveryView]) -> Mapping[str, Sequence[DeliveryAttemptView]]:
        return ratchet().reads.deliveries.attempts_of([view.id for view in views])

    permit(node.view.namespace)
    return [show_attempt(one) for one in node.batch.load("attempts", load)[node.view.id]]


def redeliver(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Send an output again."""
    return {"delivery": _node(redelivered(given["deliveryId"]))}


def redeliver_many(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Send many outputs again."""
    said = {key: value for key, value in given.items() if value is not None}
    chosen = said.pop("filter", None)
    body = read_body(RedeliverBody, said)
    if chosen is not None:
        named = {key: value for key, value in chosen.items() if value is not None}
        body["filter"] = read_body(DeliveryFilter, named)
    return redeliver_chosen(body)


def destinations(_root: Any, _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the configured destinations."""
    return configured()


def enable_destination(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Switch a destination on again."""
    return {"destination": switched_on(given["name"])}


def check_destinations(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Check destinations without sending anything."""
    return tested(read_body(DestinationTestBody, given)["destinations"])


def _node(view: DeliveryView) -> Node[DeliveryView]:
    return nodes([view], show_delivery)[0]
