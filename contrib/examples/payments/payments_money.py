"""Money and payments as the payments example sees them: exact amounts, known currencies, records.

All amounts are `Decimal`; they enter as JSON numbers or text and leave as text, so that no digit is
lost on the way. What a card is, and what the gateway does, is in `payments_gateway`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from ratchet_core.sdk import PermanentError

#: ISO 4217 code to the number of digits after the point.
MINOR_DIGITS: Final[Mapping[str, int]] = {
    "AUD": 2,
    "CAD": 2,
    "CHF": 2,
    "DKK": 2,
    "EUR": 2,
    "GBP": 2,
    "JPY": 0,
    "KWD": 3,
    "NOK": 2,
    "SEK": 2,
    "USD": 2,
}

#: Longest decimal text that is looked at; longer ones are refused unread.
_MAX_AMOUNT_CHARS: Final = 32


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One payment, complete and checked."""

    payment_id: str
    amount: Decimal
    currency: str
    customer_id: str
    customer_email: str
    order_id: str


def parse_currency(value: object) -> str:
    """Return `value` as a currency code in capitals.

    Raises:
        PermanentError: it is no text, or no currency of `MINOR_DIGITS`.
    """
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in MINOR_DIGITS:
        known = ", ".join(MINOR_DIGITS)
        raise PermanentError(
            f"currency {value!r} is not supported; use one of {known}", code="INVALID_CURRENCY"
        )
    return code


def parse_amount(value: object, currency: str) -> Decimal:
    """Return `value` as an exact, positive amount of `currency`.

    Args:
        value: a JSON number or decimal text; a float counts as what it prints, so 99.99 is 99.99.
        currency: a code that `parse_currency` returned.

    Raises:
        PermanentError: it is no number, not positive, or finer than the currency's smallest coin.
    """
    amount = _decimal(value)
    if amount is None or not amount.is_finite():
        raise PermanentError(f"amount {value!r} is not a number", code="INVALID_AMOUNT")
    if amount <= 0:
        raise PermanentError(f"amount {amount} must be greater than zero", code="INVALID_AMOUNT")
    rounded = round_to(amount, currency)
    if rounded != amount:
        digits = MINOR_DIGITS[currency]
        raise PermanentError(
            f"amount {amount} has more than the {digits} decimal places of {currency}",
            code="INVALID_AMOUNT",
        )
    return rounded


def round_to(amount: Decimal, currency: str) -> Decimal:
    """Round `amount` to the smallest coin of `currency`, half away from zero."""
    coin = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    try:
        return amount.quantize(coin, rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise PermanentError(f"amount {amount} is too large", code="INVALID_AMOUNT") from None


def read_payment(context: Mapping[str, object]) -> Payment:
    """Return the payment that a run's input describes.

    What the input leaves out comes from the payment's record, so `{"payment_id": 123}` is enough.

    Raises:
        PermanentError: a part of it is not valid; the message names the part.
    """
    payment_id = parse_id(context.get("payment_id"), "payment_id")
    record = _recorded(payment_id)
    currency = parse_currency(context.get("currency", record.currency))
    amount = context.get("amount")
    customer_id = parse_id(context.get("customer_id", record.customer_id), "customer_id")
    return Payment(
        payment_id=payment_id,
        amount=(
            round_to(record.amount, currency) if amount is None else parse_amount(amount, currency)
        ),
        currency=currency,
        customer_id=customer_id,
        customer_email=_email(context.get("customer_email"), customer_id),
        order_id=parse_id(context.get("order_id", record.order_id), "order_id"),
    )


def parse_id(value: object, field: str) -> str:
    """Return an id as text, or raise PermanentError naming `field`."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise PermanentError(
        f"{field} {value!r} is not an id; give a positive number or a text", code="INVALID_ID"
    )


def short_id(prefix: str, *parts: str) -> str:
    """Make an id that is the same for the same parts, such as `ch_3f2a9c0d1b7e`."""
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:12]}"


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    if len(text) > _MAX_AMOUNT_CHARS:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _email(value: object, customer_id: str) -> str:
    if value is None:
        return f"customer-{customer_id}@example.com"
    if not isinstance(value, str) or "@" not in value.strip("@") or " " in value:
        raise PermanentError(f"customer_email {value!r} is no address", code="INVALID_EMAIL")
    return value


def _recorded(payment_id: str) -> Payment:
    """Look a payment up in the simulated records: one id is always the same payment."""
    seed = int.from_bytes(hashlib.sha256(f"payment {payment_id}".encode()).digest()[:8])
    customer_id = str(10_000 + seed % 90_000)
    return Payment(
        payment_id=payment_id,
        amount=Decimal(500 + seed % 49_500).scaleb(-2),  # 5.00 to 499.99
        currency="USD",
        customer_id=customer_id,
        customer_email=_email(None, customer_id),
        order_id=short_id("ord", payment_id),
    )
