"""Python steps of `reports.customer_scores`; the step between them is `score_customers.js`."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Final

from reports_sales import Sale, read_period, read_sales

from ratchet_core.sdk import StepContext, StepHandler

#: What each segment that the script finds is to be sent.
CAMPAIGNS: Final = {
    "champion": "early access to new products",
    "loyal": "double points on the next order",
    "promising": "free delivery on the next order",
    "at risk": "a voucher of 15 percent",
    "lost": "a question why",
}


class CollectCustomers(StepHandler):
    """Bring the sales together by customer."""

    def process(self, context: StepContext) -> object:
        """Return orders, revenue and days since the last order of each customer."""
        period = read_period(context.input)
        bought: defaultdict[str, list[Sale]] = defaultdict(list)
        for row in read_sales(period):
            if isinstance(row, Sale):
                bought[row.customer_id].append(row)
        return {
            "customers": [
                {
                    "customer_id": customer_id,
                    "orders": len(sales),
                    "revenue": str(sum((sale.revenue for sale in sales), Decimal(0))),
                    "days_since_last": (period.last_day - max(sale.day for sale in sales)).days,
                }
                for customer_id, sales in sorted(bought.items())
            ]
        }


class PlanCampaigns(StepHandler):
    """Choose a campaign for each segment of customers."""

    def process(self, context: StepContext) -> object:
        """Return how many customers each campaign reaches, and the best customers."""
        scored = context.results["score_customers"]["customers"]
        segments = Counter(customer["segment"] for customer in scored)
        best = sorted(scored, key=lambda one: (-Decimal(one["revenue"]), one["customer_id"]))
        return {
            "customers": len(scored),
            "campaigns": [
                {"segment": segment, "send": offer, "customers": segments[segment]}
                for segment, offer in CAMPAIGNS.items()
                if segments[segment]
            ],
            "best_customers": best[:5],
        }
