"""The simulated payment gateway: cards, charges and refunds. It moves no money and calls nobody.

It answers the same for the same request, as real gateways do for one idempotency key: a step that
is repeated after a crash charges nobody twice. Test card numbers make it refuse or fail on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from payments_money import round_to, short_id

from ratchet_core.sdk import PermanentError, RetryableError

#: Share of a charge that the gateway keeps.
FEE_RATE: Final = Decimal("0.029")

#: Charged where no card number is given: the card that the customer left with the gateway.
STORED_CARD: Final = "4242424242424242"

#: Test numbers that are refused for good, with the reason.
DECLINED: Final[Mapping[str, str]] = {
    "4000000000000002": "the bank declined the card",
    "4000000000009995": "the card has insufficient funds",
    "4000000000000069": "the card has expired",
}

#: Test number for which the gateway is out of order at the first attempt and works at the second.
OUT_OF_ORDER_ONCE: Final = "4000000000000119"

#: First digits (as a range of equal length) to the brand and the lengths that it uses.
_BRANDS: Final = (
    ("34", "34", "amex", (15,)),
    ("37", "37", "amex", (15,)),
    ("51", "55", "mastercard", (16,)),
    ("2221", "2720", "mastercard", (16,)),
    ("6011", "6011", "discover", (16,)),
    ("65", "65", "discover", (16,)),
    ("3528", "3589", "jcb", (16,)),
    ("4", "4", "visa", (13, 16, 19)),
)

_DOUBLED_DIGITS: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


@dataclass(frozen=True)
class Card:
    """A card number that passed every check."""

    number: str
    brand: str

    @property
    def last4(self) -> str:
        """The four digits that may be shown to people."""
        return self.number[-4:]


@dataclass(frozen=True)
class Charge:
    """Money that the gateway took."""

    charge_id: str
    card: Card
    #: Kept by the gateway, in the currency of the charge.
    fee: Decimal


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812, Luhn)."""
    numbers = [int(digit) for digit in reversed(digits)]
    total = sum(numbers[0::2]) + sum(_DOUBLED_DIGITS[number] for number in numbers[1::2])
    return total % 10 == 0


def parse_card(value: object) -> Card:
    """Return the card of that number; blanks and hyphens in it do not count.

    Raises:
        PermanentError: wrong length, unknown brand or wrong check digit. The message never repeats
            the number.
    """
    digits = value.replace(" ", "").replace("-", "") if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit()):
        raise PermanentError("card_number must consist of digits", code="INVALID_CARD")
    brand = _brand_of(digits)
    if brand is None:
        raise PermanentError(
            f"card_number of {len(digits)} digits fits no known brand", code="INVALID_CARD"
        )
    if not passes_luhn(digits):
        raise PermanentError(
            f"card_number ending in {digits[-4:]} has a wrong check digit", code="INVALID_CARD"
        )
    return Card(number=digits, brand=brand)


def charge(
    card: Card, amount: Decimal, currency: str, *, idempotency_key: str, attempt: int
) -> Charge:
    """Take `amount` from `card`.

    Args:
        card: what `parse_card` returned.
        amount: greater than zero, rounded to the currency's smallest coin.
        currency: ISO 4217 code.
        idempotency_key: the same key always gives the same charge.
        attempt: which try this is, counted from 1.

    Raises:
        PermanentError: the card is refused; asking again changes nothing.
        RetryableError: the gateway is out of order for a moment.
    """
    refusal = DECLINED.get(card.number)
    if refusal is not None:
        raise PermanentError(f"card ending in {card.last4}: {refusal}", code="CARD_DECLINED")
    if card.number == OUT_OF_ORDER_ONCE and attempt == 1:
        raise RetryableError("the payment gateway is out of order", retry_after_s=1)
    return Charge(
        charge_id=short_id("ch", idempotency_key),
        card=card,
        fee=round_to(amount * FEE_RATE, currency),
    )


def refund(charge_reference: str, *, idempotency_key: str) -> str:
    """Return money of an earlier charge and give the refund's id; same key, same refund."""
    return short_id("re", charge_reference, idempotency_key)


def _brand_of(digits: str) -> str | None:
    for first, last, brand, lengths in _BRANDS:
        if first <= digits[: len(first)] <= last and len(digits) in lengths:
            return brand
    return None
