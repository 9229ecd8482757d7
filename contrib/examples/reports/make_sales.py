"""Writes `sales.csv`: about 2,000 made-up orders of the year 2025, the same ones every time.

Run `python make_sales.py` in this directory to make the file again. It holds the flaws that real
exports have (empty quantities, repeated lines, unknown products), for `clean_sales` to find.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

SEED: Final = 20250101
ORDERS: Final = 1960
CUSTOMERS: Final = 150
FIRST_DAY: Final = date(2025, 1, 1)

#: How much is bought in each month, January first.
SEASON: Final = (0.8, 0.75, 0.9, 0.95, 1.0, 0.95, 0.8, 0.85, 1.05, 1.15, 1.5, 1.6)
CHANNELS: Final = ("web", "web", "web", "store", "store", "partner")
DISCOUNTS: Final = (0, 0, 0, 0, 5, 10, 15, 20)
COLUMNS: Final = (
    "order_id",
    "ordered_on",
    "region",
    "channel",
    "customer_id",
    "product",
    "quantity",
    "unit_price",
    "discount_percent",
)

Row = dict[str, str]


def orders(rng: random.Random, here: Path) -> Iterator[Row]:
    """Yield sound orders in order of their day."""
    products, regions = read(here / "products.csv"), read(here / "regions.csv")
    days = [FIRST_DAY + timedelta(days=day) for day in range(365)]
    day_weights = [SEASON[day.month - 1] * (0.6 if day.weekday() > 4 else 1) for day in days]  # noqa: PLR2004
    bought_on = sorted(rng.choices(days, day_weights, k=ORDERS))
    home = rng.choices(regions, [int(row["weight"]) for row in regions], k=CUSTOMERS)
    loyalty = [rng.paretovariate(2.5) for _ in range(CUSTOMERS)]
    for number, day in enumerate(bought_on, start=1):
        customer = rng.choices(range(CUSTOMERS), loyalty)[0]
        product = rng.choices(products, [int(row["weight"]) for row in products])[0]
        yield {
            "order_id": f"S{number:05d}",
            "ordered_on": day.isoformat(),
            "region": home[customer]["region"],
            "channel": rng.choice(CHANNELS),
            "customer_id": f"C{customer + 1:03d}",
            "product": product["product"],
            "quantity": str(min(40, 1 + int(rng.expovariate(0.45)))),
            "unit_price": product["list_price"],
            "discount_percent": str(rng.choice(DISCOUNTS)),
        }


def with_flaws(rng: random.Random, rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows, some of them spoilt, and some twice."""
    flaws = ({"quantity": ""}, {"quantity": "-1"}, {"product": "Sofa"}, {"ordered_on": "n/a"})
    for row in rows:
        chance = rng.random()
        if chance < 0.02:  # noqa: PLR2004
            yield {**row, **rng.choice(flaws)}
        elif chance < 0.04:  # noqa: PLR2004
            yield {**row, "region": f" {row['region'].lower()}"}
        else:
            yield row
        if rng.random() < 0.02:  # noqa: PLR2004
            yield row


def read(path: Path) -> list[Row]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Write the file."""
    here = Path(__file__).parent
    rng = random.Random(SEED)  # noqa: S311
    rows = list(with_flaws(rng, list(orders(rng, here))))
    with (here / "sales.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
