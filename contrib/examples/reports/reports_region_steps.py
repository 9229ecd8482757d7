"""Steps of `reports.regional_sales`, a fan-in: one step for each region, then all of them compared.

The first step of that workflow is `reports_steps.ExtractSales`.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from reports_sales import Sale, percent, read_period, read_sales, regions, require_source

from ratchet_core.sdk import PermanentError, StepContext, StepHandler


class SummariseRegion(StepHandler):
    """Sum one region up, the one that `region` in the step's `handler_config` names."""

    def process(self, context: StepContext) -> object:
        """Return orders, customers, revenue and the best-selling product."""
        code = str(context.config.get("region"))
        if code not in regions():
            raise PermanentError(f"there is no region {code!r}", code="UNKNOWN_REGION")
        require_source(context.results["extract_sales"]["sha256"])
        sales = [
            row
            for row in read_sales(read_period(context.input))
            if isinstance(row, Sale) and row.region == code
        ]
        by_product: Counter[str] = Counter()
        for sale in sales:
            by_product[sale.product] += sale.quantity
        return {
            "region": code,
            "name": regions()[code]["name"],
            "orders": len(sales),
            "customers": len({sale.customer_id for sale in sales}),
            "revenue": str(sum((sale.revenue for sale in sales), Decimal("0.00"))),
            "best_seller": min(
                by_product, key=lambda name: (-by_product[name], name), default=None
            ),
        }


class CompareRegions(StepHandler):
    """Join the regions into one ranking."""

    def process(self, context: StepContext) -> object:
        """Return the regions by revenue, highest first, each with its rank and share."""
        found = [
            result for result in context.results.values() if "revenue" in result
        ]  # a bypassed region has no figures
        total = sum((Decimal(row["revenue"]) for row in found), Decimal("0.00"))
        ranked = sorted(found, key=lambda row: (-Decimal(row["revenue"]), row["region"]))
        return {
            "regions": len(ranked),
            "orders": sum(row["orders"] for row in ranked),
            "revenue": str(total),
            "ranking": [
                {
                    "rank": rank,
                    "region": row["region"],
                    "name": row["name"],
                    "revenue": row["revenue"],
                    "share_percent": percent(Decimal(row["revenue"]), total),
                    "best_seller": row["best_seller"],
                }
                for rank, row in enumerate(ranked, start=1)
            ],
        }
