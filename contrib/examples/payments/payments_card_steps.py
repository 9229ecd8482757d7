"""Steps of `payments.validate_card`: two checks side by side, then a token for the card."""

from __future__ import annotations

from payments_gateway import parse_card
from payments_money import short_id
from payments_period import last_day_of_month, parse_day, today

from ratchet_core.sdk import PermanentError, StepContext, StepHandler


class CheckNumberHandler(StepHandler):
    """Check length, brand and check digit of the card number."""

    name = "Payments::StepHandler::CheckNumberHandler"

    def process(self, context: StepContext) -> object:
        """Return the brand and the last four digits; the number itself is in no result."""
        card = parse_card(context.input.get("card_number"))
        return {"valid": True, "brand": card.brand, "last4": card.last4}


class CheckExpiryHandler(StepHandler):
    """Check that the card is good until the end of its last month."""

    name = "Payments::StepHandler::CheckExpiryHandler"

    def process(self, context: StepContext) -> object:
        """Return the card's last day and how many days are left."""
        month, year = context.input.get("expiry_month"), context.input.get("expiry_year")
        if not isinstance(month, int) or not isinstance(year, int):
            raise PermanentError(
                "expiry_month and expiry_year must be whole numbers", code="INVALID_EXPIRY"
            )
        last_day = last_day_of_month(year, month)
        day = parse_day(context.input.get("as_of"), "as_of", today())
        if last_day < day:
            raise PermanentError(f"the card expired on {last_day}", code="CARD_EXPIRED")
        return {
            "valid": True,
            "expires_on": last_day.isoformat(),
            "days_left": (last_day - day).days,
        }


class TokenizeCardHandler(StepHandler):
    """Exchange the card for a token that may be stored."""

    name = "Payments::StepHandler::TokenizeCardHandler"

    def process(self, context: StepContext) -> object:
        """Return the token; the same card and expiry always give the same one."""
        card = parse_card(context.input.get("card_number"))
        expires_on = str(context.results["check_expiry"].get("expires_on"))
        return {
            "token": short_id("tok", card.number, expires_on),
            "brand": card.brand,
            "last4": card.last4,
            "expires_on": expires_on,
        }
