"""The sales data set of the reports examples: reading `sales.csv` and what belongs to it.

Steps hand figures, line numbers and the file's hash on, not the rows: each step that needs rows
reads the file itself. So results stay small, and a step can run on any host that has the file.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Final

from ratchet_core.sdk import PermanentError

#: What the data set covers.
FIRST_DAY: Final = date(2025, 1, 1)
LAST_DAY: Final = date(2025, 12, 31)

_HERE: Final = Path(__file__).parent
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Period:
    """Days of a report, the first and the last included."""

    first_day: date
    last_day: date

    @property
    def share_of_year(self) -> Decimal:
        """What part of the year 2025 it is, 0 to 1."""
        days = (self.last_day - self.first_day).days + 1
        return Decimal(days) / Decimal((LAST_DAY - FIRST_DAY).days + 1)


@dataclass(frozen=True, kw_only=True)
class Sale:
    """A sound row."""

    line: int  #: in sales.csv, the header being line 1
    order_id: str
    day: date
    region: str  #: code of regions.csv
    channel: str
    customer_id: str
    product: str  #: name of products.csv
    quantity: int
    revenue: Decimal  #: after the discount, in cents


@dataclass(frozen=True)
class Flaw:
    """A row that no report counts."""

    line: int
    reason: str
    day: date | None = None  #: of the order, where it can be read


def read_period(context: Mapping[str, object]) -> Period:
    """Return the period that `from` and `to` of a run's input name; the whole year without them.

    Raises:
        PermanentError: one of them is no day of 2025, or they are the wrong way round.
    """
    first, last = _day(context, "from", FIRST_DAY), _day(context, "to", LAST_DAY)
    if first > last:
        raise PermanentError(f"from {first} is after to {last}", code="INVALID_PERIOD")
    return Period(first, last)


def read_sales(period: Period) -> Iterator[Sale | Flaw]:
    """Yield the rows of a period in the file's order.

    The second row of an order is a flaw. A row whose day cannot be read is one of every period.
    """
    seen: set[str] = set()
    for row in _all_rows():
        if row.day is not None and not period.first_day <= row.day <= period.last_day:
            continue
        if isinstance(row, Flaw):
            yield row
        elif row.order_id in seen:
            yield Flaw(row.line, "order is there twice", row.day)
        else:
            seen.add(row.order_id)
            yield row


def source_hash() -> str:
    """Return the SHA-256 of sales.csv, which names the very data that a run works on."""
    return hashlib.sha256((_HERE / "sales.csv").read_bytes()).hexdigest()


def require_source(expected: str) -> None:
    """Raise PermanentError unless sales.csv is still the file with that hash."""
    if source_hash() != expected:
        raise PermanentError(
            "sales.csv is not the file that this run started with; start a new run",
            code="SOURCE_CHANGED",
        )


@cache
def products() -> Mapping[str, Mapping[str, str]]:
    """Return the rows of products.csv by product."""
    return {row["product"]: row for row in _read("products.csv")}


@cache
def regions() -> Mapping[str, Mapping[str, str]]:
    """Return the rows of regions.csv by code."""
    return {row["region"]: row for row in _read("regions.csv")}


def cents(amount: Decimal) -> Decimal:
    """Round to cents, half away from zero."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def percent(part: Decimal, whole: Decimal) -> str:
    """Return a share as text with one decimal place, such as "12.5"; "0.0" of nothing."""
    share = 100 * part / whole if whole else Decimal(0)
    return str(share.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


@cache
def _all_rows() -> tuple[Sale | Flaw, ...]:
    # Line 1 is the header; no value of the file spans lines.
    return tuple(_sale(line, row) for line, row in enumerate(_read("sales.csv"), start=2))


def _read(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _sale(line: int, row: Mapping[str, str]) -> Sale | Flaw:
    day = _parse_day(row["ordered_on"])
    if day is None:
        return Flaw(line, "day is not readable")
    region = row["region"].strip().upper()
    if region not in regions():
        return Flaw(line, "unknown region", day)
    if row["product"] not in products():
        return Flaw(line, "unknown product", day)
    try:
        quantity = int(row["quantity"])
        price, discount = Decimal(row["unit_price"]), Decimal(row["discount_percent"])
    except (ValueError, InvalidOperation):
        return Flaw(line, "quantity or price is not a number", day)
    if quantity < 1:
        return Flaw(line, "quantity is below one", day)
    return Sale(
        line=line,
        order_id=row["order_id"],
        day=day,
        region=region,
        channel=row["channel"],
        customer_id=row["customer_id"],
        product=row["product"],
        quantity=quantity,
        revenue=cents(quantity * price * (100 - discount) / 100),
    )


def _day(context: Mapping[str, object], field: str, default: date) -> date:
    value = context.get(field)
    day = default if value is None else _parse_day(str(value))
    if day is None:
        raise PermanentError(
            f"{field} {value!r} is not a day; write YYYY-MM-DD", code="INVALID_DATE"
        )
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PermanentError(
            f"{field} {day} is outside the data, {FIRST_DAY} to {LAST_DAY}", code="INVALID_PERIOD"
        )
    return day


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
