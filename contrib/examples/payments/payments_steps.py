"""Steps of `payments.process_payment`: check, charge, update the order, confirm.

A step reads the run's input anew instead of getting it passed on; its result holds only what it
found out. Money is handled in `payments_money`, the gateway is in `payments_gateway`.
"""

from __future__ import annotations

from decimal import Decimal

from payments_gateway import STORED_CARD, charge, parse_card
from payments_money import parse_amount, read_payment, short_id

from ratchet_core.sdk import PermanentError, StepContext, StepHandler


class ValidatePaymentHandler(StepHandler):
    """Check amount, currency, customer and card before any money moves."""

    name = "Payments::StepHandler::ValidatePaymentHandler"

    def process(self, context: StepContext) -> object:
        """Return `{"valid": true, "validation_id": "val_…"}` (seed 002, "Get Task Details")."""
        payment = read_payment(context.input)
        if "card_number" in context.input:
            parse_card(context.input["card_number"])
        return {"valid": True, "validation_id": short_id("val", context.run.id, payment.payment_id)}


class ChargeCardHandler(StepHandler):
    """Take the money through the gateway.

    `charge_limit` in the step's `handler_config` (decimal text) is the most that it will charge.
    """

    name = "Payments::StepHandler::ChargeCardHandler"

    def process(self, context: StepContext) -> object:
        """Return the charge; publish `payment.gateway.charged`."""
        payment = read_payment(context.input)
        _check_limit(payment.amount, payment.currency, context.config.get("charge_limit"))
        context.progress(0.1, "asking the gateway")
        charged = charge(
            parse_card(context.input.get("card_number", STORED_CARD)),
            payment.amount,
            payment.currency,
            idempotency_key=context.idempotency_key,
            attempt=context.attempt,
        )
        context.publish(
            "payment.gateway.charged",
            {
                "charge_id": charged.charge_id,
                "amount": str(payment.amount),
                "currency": payment.currency,
            },
        )
        return {
            "charge_id": charged.charge_id,
            "status": "succeeded",
            "amount": str(payment.amount),
            "currency": payment.currency,
            "fee": str(charged.fee),
            "net": str(payment.amount - charged.fee),
            "card": {"brand": charged.card.brand, "last4": charged.card.last4},
        }


class UpdateOrderHandler(StepHandler):
    """Mark the order as paid."""

    name = "Payments::StepHandler::UpdateOrderHandler"

    def process(self, context: StepContext) -> object:
        """Return the order's new state and what paid for it."""
        payment = read_payment(context.input)
        charged = context.results["charge_card"]
        return {
            "order_id": payment.order_id,
            "previous_status": "awaiting_payment",
            "status": "paid",
            "charge_id": charged.get("charge_id"),
            "card": charged.get("card"),
        }


class SendConfirmationHandler(StepHandler):
    """Write the confirmation; the example hands it to nobody, the result holds the text."""

    name = "Payments::StepHandler::SendConfirmationHandler"

    def process(self, context: StepContext) -> object:
        """Return the message; publish `notification.email.sent`."""
        payment = read_payment(context.input)
        order = context.results["update_order"]
        message_id = short_id("msg", context.idempotency_key)
        context.publish(
            "notification.email.sent", {"message_id": message_id, "to": payment.customer_email}
        )
        return {
            "message_id": message_id,
            "to": payment.customer_email,
            "subject": f"Payment {payment.payment_id} received",
            "body": (
                f"Dear customer {payment.customer_id},\n\n"
                f"we received your payment of {payment.amount} {payment.currency} "
                f"{_paid_with(order.get('card'))}for order {payment.order_id}.\n\n"
                "Thank you."
            ),
        }


def _check_limit(amount: Decimal, currency: str, limit: object) -> None:
    if limit is not None and amount > parse_amount(limit, currency):
        raise PermanentError(
            f"amount {amount} {currency} is over the charge limit of {limit}",
            code="CHARGE_LIMIT_EXCEEDED",
        )


def _paid_with(card: object) -> str:
    """Name the card in a sentence; empty where the charge was bypassed and there is none."""
    if not isinstance(card, dict):
        return ""
    return f"with your {card['brand']} card ending in {card['last4']} "
