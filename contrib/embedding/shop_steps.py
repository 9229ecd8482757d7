"""The steps of an order, performed by a worker in the shop's application context."""

from __future__ import annotations

from typing import Any

from flask import current_app
from shop import Order, in_worker, sessions

from ratchet_core.sdk import PermanentError, StepContext, StepHandler


class PriceOrder(StepHandler):
    """Work out what an order costs."""

    def process(self, context: StepContext) -> Any:
        """Write the price to the order; the same again where the step is repeated."""
        with in_worker().app_context(), sessions().begin() as session:
            order = session.get(Order, context.input["order_id"])
            if order is None:
                message = f"there is no order {context.input['order_id']}"
                raise PermanentError(message)
            order.price_cents = order.quantity * current_app.config["CENTS_PER_ITEM"]
            return {"price_cents": order.price_cents}


class ShipOrder(StepHandler):
    """Send an order off."""

    def process(self, context: StepContext) -> Any:
        """Mark the order as shipped."""
        with in_worker().app_context(), sessions().begin() as session:
            order = session.get_one(Order, context.input["order_id"])
            order.status = "shipped"
            return {"order_id": order.id, **context.results["price_order"]}
