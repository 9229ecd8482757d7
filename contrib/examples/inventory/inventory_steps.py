"""Steps of the inventory workflows, named in their YAML as `inventory_steps.Class`.

Reading stock and order lines is in `inventory_stock`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from inventory_stock import Line, StockItem, read_lines, read_stock, require_known

from ratchet_core.sdk import PermanentError, StepContext, StepHandler

#: From this many of one item on, the share that is taken off its price; highest first.
DISCOUNTS: Final = ((100, Decimal("0.10")), (25, Decimal("0.05")))

#: How many other items are named for one that is short.
_ALTERNATIVES: Final = 3

_CENT: Final = Decimal("0.01")


class CheckItems(StepHandler):
    """Compare asked quantities with free stock."""

    def process(self, context: StepContext) -> object:
        """Return one line per item, and whether all of them can be delivered."""
        lines = read_lines(context.input["items"])
        return {
            "all_available": all(line.quantity <= line.item.free for line in lines),
            "items": [_availability(line) for line in lines],
        }


class SuggestAlternatives(StepHandler):
    """Name other items of the same category for what is short."""

    def process(self, context: StepContext) -> object:
        """Return the checked items; each one that is short has `alternatives`, most stock first."""
        checked = context.results["check_items"]
        return {
            **checked,
            "items": [
                row if row["available"] else {**row, "alternatives": _alternatives(row)}
                for row in checked["items"]
            ],
        }


class ReserveItems(StepHandler):
    """Set the items of an order aside."""

    def process(self, context: StepContext) -> object:
        """Return the reserved quantities; publish `inventory.items.reserved`.

        Raises:
            PermanentError: an item is short, so nothing is reserved.
        """
        short = [row["sku"] for row in context.results["check_items"]["items"] if row["missing"]]
        if short:
            raise PermanentError(
                f"order {context.input['order_id']}: not enough in stock of {', '.join(short)}",
                code="OUT_OF_STOCK",
            )
        result = {
            "order_id": context.input["order_id"],
            "reserved": {
                line.item.sku: line.quantity for line in read_lines(context.input["items"])
            },
        }
        context.publish("inventory.items.reserved", result)
        return result


class PriceOrder(StepHandler):
    """Add the order up."""

    def process(self, context: StepContext) -> object:
        """Return price and discount of each line, and the total, as decimal text."""
        lines = _reserved_lines(context.results["reserve_items"])
        priced = [_price(line) for line in lines]
        total = sum((amount for _, amount in priced), Decimal(0))
        return {
            "lines": [
                {
                    "sku": line.item.sku,
                    "quantity": line.quantity,
                    "discount": str(discount),
                    "amount": str(amount),
                }
                for line, (discount, amount) in zip(lines, priced, strict=True)
            ],
            "total": str(total),
        }


class PlanParcels(StepHandler):
    """Plan what leaves which warehouse.

    `parcel_limit_kg` in the step's `handler_config` (decimal text, default 30) is the heaviest
    parcel; a single item over it travels alone.
    """

    def process(self, context: StepContext) -> object:
        """Return the parcels, each with its warehouse, contents and weight."""
        limit = Decimal(str(context.config.get("parcel_limit_kg", 30)))
        by_warehouse: dict[str, list[Line]] = {}
        for line in _reserved_lines(context.results["reserve_items"]):
            by_warehouse.setdefault(line.item.warehouse, []).append(line)
        parcels: list[dict[str, object]] = []
        for warehouse, lines in sorted(by_warehouse.items()):
            parcels += [
                {"warehouse": warehouse, "contents": contents, "weight_kg": str(weight)}
                for contents, weight in _pack(lines, limit)
            ]
        return {"parcels": parcels}


class ConfirmOrder(StepHandler):
    """Put price and parcels together."""

    def process(self, context: StepContext) -> object:
        """Return the confirmed order."""
        return {
            "order_id": context.input["order_id"],
            "status": "confirmed",
            "total": context.results["price_order"]["total"],
            "parcels": len(context.results["plan_parcels"]["parcels"]),
        }


class ValidateMovements(StepHandler):
    """Check goods in and out before anything is booked."""

    def process(self, context: StepContext) -> object:
        """Return the change of each item, movements of one item added up.

        Raises:
            PermanentError: an item is unknown, or more goes out than there is.
        """
        changes: dict[str, int] = {}
        for row in context.input["movements"]:
            sku = str(row["sku"]).strip().upper()
            changes[sku] = changes.get(sku, 0) + int(row["change"])
        require_known(changes)
        stock = read_stock()
        short = [sku for sku, change in changes.items() if stock[sku].on_hand + change < 0]
        if short:
            raise PermanentError(
                f"more goes out than is there: {', '.join(short)}", code="NEGATIVE_STOCK"
            )
        return {"changes": changes}


class ApplyMovements(StepHandler):
    """Work out the new stock."""

    def process(self, context: StepContext) -> object:
        """Return old and new quantities by SKU; publish `inventory.stock.changed`."""
        changes: Mapping[str, int] = context.results["validate_movements"]["changes"]
        stock = read_stock()
        levels = {
            sku: {"before": stock[sku].on_hand, "after": stock[sku].on_hand + change}
            for sku, change in changes.items()
        }
        context.publish(
            "inventory.stock.changed",
            {"on_hand": {sku: level["after"] for sku, level in levels.items()}},
        )
        return {"levels": levels}


class ListReorders(StepHandler):
    """Name what has to be ordered."""

    def process(self, context: StepContext) -> object:
        """Return the moved items at or under their reorder level, filled up to twice of it."""
        levels = context.results["apply_movements"]["levels"]
        stock = read_stock()
        return {
            "moved": len(levels),
            "reorders": [
                {
                    "sku": sku,
                    "on_hand": level["after"],
                    "reorder_level": stock[sku].reorder_level,
                    "order": 2 * stock[sku].reorder_level - level["after"],
                }
                for sku, level in levels.items()
                if level["after"] <= stock[sku].reorder_level
            ],
        }


def _availability(line: Line) -> dict[str, object]:
    missing = max(0, line.quantity - line.item.free)
    return {
        "sku": line.item.sku,
        "name": line.item.name,
        "asked": line.quantity,
        "free": line.item.free,
        "available": missing == 0,
        "missing": missing,
    }


def _alternatives(row: Mapping[str, Any]) -> list[str]:
    wanted = read_stock()[row["sku"]]

    def fits(item: StockItem) -> bool:
        return (
            item.category == wanted.category
            and item.sku != wanted.sku
            and item.free >= row["asked"]
        )

    others = sorted(filter(fits, read_stock().values()), key=lambda item: (-item.free, item.sku))
    return [item.sku for item in others[:_ALTERNATIVES]]


def _reserved_lines(reservation: Mapping[str, Any]) -> list[Line]:
    stock = read_stock()
    return [Line(stock[sku], quantity) for sku, quantity in reservation["reserved"].items()]


def _price(line: Line) -> tuple[Decimal, Decimal]:
    """Return the discount (a share) and the amount after it, rounded to cents."""
    discount = next((share for least, share in DISCOUNTS if line.quantity >= least), Decimal(0))
    amount = line.item.unit_price * line.quantity * (1 - discount)
    return discount, amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def _pack(lines: Sequence[Line], limit_kg: Decimal) -> list[tuple[dict[str, int], Decimal]]:
    """Fill parcels in order of weight, heaviest first, opening a new one when the last is full."""
    parcels: list[tuple[dict[str, int], Decimal]] = []
    for line in sorted(lines, key=lambda line: (-line.item.weight_kg, line.item.sku)):
        left = line.quantity
        while left:
            contents, weight = parcels[-1] if parcels else ({}, limit_kg)
            fitting = min(left, int((limit_kg - weight) / line.item.weight_kg))
            if fitting < 1:  # full, or a single item that is over the limit by itself
                parcels.append(({line.item.sku: 1}, line.item.weight_kg))
                left -= 1
                continue
            contents[line.item.sku] = contents.get(line.item.sku, 0) + fitting
            parcels[-1] = (contents, weight + fitting * line.item.weight_kg)
            left -= fitting
    return parcels
