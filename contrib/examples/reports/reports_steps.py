"""Steps of `reports.sales_report`, a diamond: extract, then clean and enrich, then report.

How the data set is read is in `reports_sales`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reports_sales import (
    Flaw,
    Sale,
    cents,
    percent,
    products,
    read_period,
    read_sales,
    regions,
    require_source,
    source_hash,
)

from ratchet_core.sdk import StepContext, StepHandler


class ExtractSales(StepHandler):
    """Pin down which data the run works on."""

    def process(self, context: StepContext) -> object:
        """Return the period, the source file's hash, and how many rows there are."""
        period = read_period(context.input)
        return {
            "source": "sales.csv",
            "sha256": source_hash(),
            "from": period.first_day.isoformat(),
            "to": period.last_day.isoformat(),
            "rows": sum(1 for _ in read_sales(period)),
        }


class CleanSales(StepHandler):
    """Find the rows that no report may count."""

    def process(self, context: StepContext) -> object:
        """Return how many rows are sound, and lines and reasons of the others."""
        extract = context.results["extract_sales"]
        require_source(extract["sha256"])
        flaws = []
        for number, row in enumerate(read_sales(read_period(context.input)), start=1):
            if isinstance(row, Flaw):
                flaws.append(row)
            if number % 500 == 0:
                context.heartbeat()
                context.progress(number / extract["rows"], f"{number} of {extract['rows']} rows")
        reasons = Counter(flaw.reason for flaw in flaws)
        return {
            "sha256": extract["sha256"],
            "accepted": extract["rows"] - len(flaws),
            "rejected": len(flaws),
            "reasons": dict(sorted(reasons.items())),
            "rejected_lines": [flaw.line for flaw in flaws],
        }


class EnrichSales(StepHandler):
    """Look up what the sales themselves do not hold."""

    def process(self, context: StepContext) -> object:
        """Return category and unit cost of the products sold, and each region's target."""
        require_source(context.results["extract_sales"]["sha256"])
        period = read_period(context.input)
        sold = {row.product for row in read_sales(period) if isinstance(row, Sale)}
        return {
            "products": {
                name: {"category": row["category"], "unit_cost": row["unit_cost"]}
                for name, row in products().items()
                if name in sold
            },
            "targets": {
                code: str(cents(Decimal(row["yearly_target"]) * period.share_of_year))
                for code, row in regions().items()
            },
        }


class BuildReport(StepHandler):
    """Put the report together from what the two branches found."""

    def process(self, context: StepContext) -> object:
        """Return revenue and margin, in all and by month, category and region, and a text."""
        cleaned, enriched = context.results["clean_sales"], context.results["enrich_sales"]
        require_source(cleaned["sha256"])
        period = read_period(context.input)
        rejected = set(cleaned["rejected_lines"])
        sales = [
            row for row in read_sales(period) if isinstance(row, Sale) and row.line not in rejected
        ]
        revenue = sum((sale.revenue for sale in sales), Decimal(0))
        margin = revenue - sum((_cost(sale, enriched["products"]) for sale in sales), Decimal(0))
        report = {
            "from": period.first_day.isoformat(),
            "to": period.last_day.isoformat(),
            "orders": len(sales),
            "rejected_rows": cleaned["rejected"],
            "revenue": str(revenue),
            "margin": str(cents(margin)),
            "margin_percent": percent(margin, revenue),
            "by_month": _revenue_by(sales, lambda sale: sale.day.strftime("%Y-%m")),
            "by_category": _revenue_by(
                sales, lambda sale: str(enriched["products"][sale.product]["category"])
            ),
            "by_region": _against_targets(sales, enriched["targets"]),
        }
        return {**report, "text": _as_text(report)}


def _cost(sale: Sale, known: Mapping[str, Mapping[str, str]]) -> Decimal:
    return sale.quantity * Decimal(known[sale.product]["unit_cost"])


def _revenue_by(sales: Sequence[Sale], key: Callable[[Sale], str]) -> dict[str, str]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for sale in sales:
        sums[key(sale)] += sale.revenue
    return {name: str(amount) for name, amount in sorted(sums.items())}


def _against_targets(
    sales: Sequence[Sale], targets: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    reached = _revenue_by(sales, lambda sale: sale.region)
    return {
        region: {
            "revenue": reached.get(region, "0.00"),
            "target": target,
            "reached_percent": percent(Decimal(reached.get(region, "0.00")), Decimal(target)),
        }
        for region, target in targets.items()
    }


def _as_text(report: Mapping[str, Any]) -> str:
    """Write the report for people, as Markdown."""
    rows = [
        f"| {region} | {row['revenue']} | {row['target']} | {row['reached_percent']} % |"
        for region, row in report["by_region"].items()
    ]
    totals = (
        f"{report['orders']} orders, revenue {report['revenue']}, "
        f"margin {report['margin']} ({report['margin_percent']} %). "
        f"{report['rejected_rows']} rows were not counted."
    )
    return "\n".join(
        [
            f"# Sales from {report['from']} to {report['to']}",
            "",
            totals,
            "",
            "| region | revenue | target | reached |",
            "|---|---:|---:|---:|",
            *rows,
        ]
    )
