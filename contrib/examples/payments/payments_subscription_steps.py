"""Steps of `payments.process_subscription` and `payments.cancel_subscription`.

Both read plan, seats and period from the run's input; prices are the table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from payments_gateway import STORED_CARD, charge, parse_card, refund
from payments_money import parse_currency, parse_id, round_to, short_id
from payments_period import MONTHS, Period, parse_day, period_from, today

from ratchet_core.sdk import PermanentError, StepContext, StepHandler

#: Price of one seat for one month, the same in every currency.
PRICES: Final[Mapping[str, Decimal]] = {
    "basic": Decimal(9),
    "team": Decimal(19),
    "enterprise": Decimal(49),
}

#: Months that a yearly bill charges for.
_YEARLY_CHARGED_MONTHS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a customer subscribed to, and the period that one bill covers."""

    subscription_id: str
    customer_id: str
    plan: str
    billing: str
    seats: int
    currency: str
    price: Decimal
    period: Period

    def as_result(self) -> dict[str, object]:
        """Describe it as JSON, days and amounts as text."""
        return {
            "subscription_id": self.subscription_id,
            "plan": self.plan,
            "billing": self.billing,
            "seats": self.seats,
            "price": str(self.price),
            "currency": self.currency,
            "first_day": self.period.first_day.isoformat(),
            "last_day": self.period.last_day.isoformat(),
        }


def read_subscription(context: Mapping[str, object], default_start: date) -> Subscription:
    """Return the subscription that a run's input describes.

    Raises:
        PermanentError: a part of it is not valid; the message names the part.
    """
    subscription_id = parse_id(context.get("subscription_id"), "subscription_id")
    plan = str(context.get("plan"))
    billing = str(context.get("billing", "monthly"))
    seats = context.get("seats", 1)
    if plan not in PRICES:
        raise PermanentError(f"plan {plan!r} is none of {', '.join(PRICES)}", code="UNKNOWN_PLAN")
    if billing not in MONTHS:
        raise PermanentError(f"billing {billing!r} is none of {', '.join(MONTHS)}", code="BILLING")
    if not isinstance(seats, int) or seats < 1:
        raise PermanentError(f"seats {seats!r} must be 1 or more", code="INVALID_SEATS")
    currency = parse_currency(context.get("currency", "USD"))
    charged_months = _YEARLY_CHARGED_MONTHS if billing == "yearly" else 1
    first_day = parse_day(context.get("starts_on"), "starts_on", default_start)
    return Subscription(
        subscription_id=subscription_id,
        customer_id=parse_id(context.get("customer_id", f"of-{subscription_id}"), "customer_id"),
        plan=plan,
        billing=billing,
        seats=seats,
        currency=currency,
        price=round_to(PRICES[plan] * seats * charged_months, currency),
        period=period_from(first_day, MONTHS[billing]),
    )


class ValidateSubscriptionHandler(StepHandler):
    """Look up the plan and work out price and period."""

    name = "Payments::StepHandler::ValidateSubscriptionHandler"

    def process(self, context: StepContext) -> object:
        """Return plan, seats, price and the first and last day that it pays for."""
        return {"valid": True, **read_subscription(context.input, today()).as_result()}


class ChargeSubscriptionHandler(StepHandler):
    """Charge the stored card for the period."""

    name = "Payments::StepHandler::ChargeSubscriptionHandler"

    def process(self, context: StepContext) -> object:
        """Return the charge; publish `payment.gateway.charged`."""
        bill = context.results["validate_subscription"]
        charged = charge(
            parse_card(STORED_CARD),
            Decimal(bill["price"]),
            bill["currency"],
            idempotency_key=context.idempotency_key,
            attempt=context.attempt,
        )
        result = {
            "charge_id": charged.charge_id,
            "amount": bill["price"],
            "currency": bill["currency"],
        }
        context.publish("payment.gateway.charged", result)
        return result


class ActivateSubscriptionHandler(StepHandler):
    """Mark the subscription as active."""

    name = "Payments::StepHandler::ActivateSubscriptionHandler"

    def process(self, context: StepContext) -> object:
        """Return the subscription's new state."""
        bill = context.results["validate_subscription"]
        return {
            "subscription_id": bill["subscription_id"],
            "status": "active",
            "active_until": bill["last_day"],
            "charge_id": context.results["charge_subscription"]["charge_id"],
        }


class SendInvoiceHandler(StepHandler):
    """Write the invoice; the result holds the text."""

    name = "Payments::StepHandler::SendInvoiceHandler"

    def process(self, context: StepContext) -> object:
        """Return the invoice; publish `notification.email.sent`."""
        bill = context.results["validate_subscription"]
        paid = context.results["charge_subscription"]
        invoice_id = short_id("inv", paid["charge_id"])
        context.publish("notification.email.sent", {"message_id": invoice_id})
        return {
            "invoice_id": invoice_id,
            "subject": f"Invoice for subscription {bill['subscription_id']}",
            "body": (
                f"Plan {bill['plan']}, {bill['seats']} seat(s), {bill['billing']}\n"
                f"From {bill['first_day']} to {bill['last_day']}\n"
                f"Paid: {paid['amount']} {paid['currency']} ({paid['charge_id']})"
            ),
        }


class FindSubscriptionHandler(StepHandler):
    """Look up what was paid for, and when the customer stops."""

    name = "Payments::StepHandler::FindSubscriptionHandler"

    def process(self, context: StepContext) -> object:
        """Return plan, price, period and the last day of use."""
        now = today()
        subscription = read_subscription(context.input, now.replace(day=1))
        last_use = parse_day(context.input.get("cancelled_on"), "cancelled_on", now)
        if last_use < subscription.period.first_day:
            raise PermanentError(
                f"cancelled_on {last_use} is before the period starts, "
                f"{subscription.period.first_day}",
                code="INVALID_DATE",
            )
        return {**subscription.as_result(), "cancelled_on": last_use.isoformat()}


class CalculateCreditHandler(StepHandler):
    """Work out what the unused days are worth."""

    name = "Payments::StepHandler::CalculateCreditHandler"

    def process(self, context: StepContext) -> object:
        """Return the credit: the price in proportion to the days that are left."""
        found = context.results["find_subscription"]
        period = Period(
            date.fromisoformat(found["first_day"]), date.fromisoformat(found["last_day"])
        )
        unused = period.days_after(date.fromisoformat(found["cancelled_on"]))
        credit = round_to(Decimal(found["price"]) * unused / period.days, found["currency"])
        return {
            "subscription_id": found["subscription_id"],
            "period_days": period.days,
            "unused_days": unused,
            "credit": str(credit),
            "currency": found["currency"],
        }


class IssueCreditHandler(StepHandler):
    """Return the credit through the gateway, if there is any."""

    name = "Payments::StepHandler::IssueCreditHandler"

    def process(self, context: StepContext) -> object:
        """Return the refund (its id is null where nothing is due); publish it as an event."""
        due = context.results["calculate_credit"]
        result = {
            "subscription_id": due["subscription_id"],
            "refund_id": None,
            "amount": due["credit"],
            "currency": due["currency"],
        }
        if Decimal(due["credit"]) == 0:
            return result
        result["refund_id"] = refund(
            due["subscription_id"], idempotency_key=context.idempotency_key
        )
        context.publish("payment.gateway.refunded", result)
        return result


class ConfirmCancellationHandler(StepHandler):
    """Write the confirmation; the result holds the text."""

    name = "Payments::StepHandler::ConfirmCancellationHandler"

    def process(self, context: StepContext) -> object:
        """Return the message; publish `notification.email.sent`."""
        credit = context.results["issue_credit"]
        message_id = short_id("msg", context.idempotency_key)
        context.publish("notification.email.sent", {"message_id": message_id})
        money = (
            f"You get {credit['amount']} {credit['currency']} back."
            if credit["refund_id"]
            else "Nothing is left to be returned."
        )
        return {
            "message_id": message_id,
            "status": "cancelled",
            "subject": f"Subscription {credit['subscription_id']} cancelled",
            "body": f"Your subscription is cancelled. {money}",
        }
