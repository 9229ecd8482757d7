"""The stock of the inventory example: `stock.csv`, read as it is and never written.

Steps work out what stock becomes and return it as their result; the file is the same for every run,
so examples can be run in any order, side by side and again.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ratchet_core.sdk import PermanentError


@dataclass(frozen=True, kw_only=True)
class StockItem:
    """One line of `stock.csv`."""

    sku: str
    name: str
    category: str
    warehouse: str
    on_hand: int
    #: Promised to earlier orders, so not free.
    reserved: int
    #: Stock at which more has to be ordered.
    reorder_level: int
    unit_price: Decimal
    weight_kg: Decimal

    @property
    def free(self) -> int:
        """How many can still be promised."""
        return self.on_hand - self.reserved


@dataclass(frozen=True)
class Line:
    """So many of one item."""

    item: StockItem
    quantity: int


@cache
def read_stock() -> Mapping[str, StockItem]:
    """Return all items by SKU, in the file's order; the file is read once per process."""
    path = Path(__file__).with_name("stock.csv")
    with path.open(encoding="utf-8", newline="") as file:
        items = [_item(row) for row in csv.DictReader(file)]
    return MappingProxyType({item.sku: item for item in items})


def read_lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return the lines of an order, quantities of one item added up.

    Raises:
        PermanentError: a SKU is not in stock.csv; the message names all such.
    """
    quantities: dict[str, int] = {}
    for row in rows:
        sku = str(row["sku"]).strip().upper()
        quantities[sku] = quantities.get(sku, 0) + int(row.get("quantity", 1))
    require_known(quantities)
    stock = read_stock()
    return [Line(stock[sku], quantity) for sku, quantity in quantities.items()]


def require_known(skus: Mapping[str, int]) -> None:
    """Raise PermanentError unless every SKU is in stock.csv."""
    unknown = [sku for sku in skus if sku not in read_stock()]
    if unknown:
        raise PermanentError(f"unknown items: {', '.join(unknown)}", code="UNKNOWN_ITEM")


def _item(row: Mapping[str, str]) -> StockItem:
    return StockItem(
        sku=row["sku"],
        name=row["name"],
        category=row["category"],
        warehouse=row["warehouse"],
        on_hand=int(row["on_hand"]),
        reserved=int(row["reserved"]),
        reorder_level=int(row["reorder_level"]),
        unit_price=Decimal(row["unit_price"]),
        weight_kg=Decimal(row["weight_kg"]),
    )
