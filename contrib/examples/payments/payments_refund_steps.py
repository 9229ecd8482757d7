"""Steps of `payments.refund_payment`: check, return the money, tell the customer."""

from __future__ import annotations

from payments_gateway import refund
from payments_money import parse_amount, read_payment, short_id

from ratchet_core.sdk import PermanentError, StepContext, StepHandler

#: Bank days until a refund is on the customer's account.
_BANK_DAYS = 5


class ValidateRefundHandler(StepHandler):
    """Check that the refund is not more than the payment."""

    name = "Payments::StepHandler::ValidateRefundHandler"

    def process(self, context: StepContext) -> object:
        """Return what is to be returned: all of the payment unless `refund_amount` says less."""
        payment = read_payment(context.input)
        asked = context.input.get("refund_amount")
        amount = payment.amount if asked is None else parse_amount(asked, payment.currency)
        if amount > payment.amount:
            raise PermanentError(
                f"refund of {amount} {payment.currency} is more than the {payment.amount} "
                f"of payment {payment.payment_id}",
                code="REFUND_TOO_LARGE",
            )
        return {
            "valid": True,
            "amount": str(amount),
            "currency": payment.currency,
            "full": amount == payment.amount,
        }


class ProcessRefundHandler(StepHandler):
    """Return the money through the gateway."""

    name = "Payments::StepHandler::ProcessRefundHandler"

    def process(self, context: StepContext) -> object:
        """Return the refund; publish `payment.gateway.refunded`."""
        payment = read_payment(context.input)
        approved = context.results["validate_refund"]
        result = {
            "refund_id": refund(payment.payment_id, idempotency_key=context.idempotency_key),
            "amount": approved["amount"],
            "currency": approved["currency"],
        }
        context.publish("payment.gateway.refunded", result)
        return {**result, "status": "refunded" if approved["full"] else "partially_refunded"}


class NotifyCustomerHandler(StepHandler):
    """Write the message to the customer; the result holds the text."""

    name = "Payments::StepHandler::NotifyCustomerHandler"

    def process(self, context: StepContext) -> object:
        """Return the message; publish `notification.email.sent`."""
        payment = read_payment(context.input)
        refunded = context.results["process_refund"]
        reason = context.input.get("reason")
        message_id = short_id("msg", context.idempotency_key)
        context.publish(
            "notification.email.sent", {"message_id": message_id, "to": payment.customer_email}
        )
        return {
            "message_id": message_id,
            "to": payment.customer_email,
            "subject": f"Refund for payment {payment.payment_id}",
            "body": (
                f"Dear customer {payment.customer_id},\n\n"
                f"we returned {refunded['amount']} {refunded['currency']}"
                f"{f' ({reason})' if reason else ''}. The money will be on your account "
                f"within {_BANK_DAYS} bank days.\n\n"
                f"Reference: {refunded['refund_id']}"
            ),
        }
