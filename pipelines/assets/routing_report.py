"""What the allocations asset tells of a routing run: cost, bound, and what the next best would have cost."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from normalization.money import Money
from order_store.dialects import rows_where
from order_store.schema.orders import orders
from pipelines.hub import Hub
from pipelines.words import markdown
from warehouse_routing.plan import OrderPlan, Plan

SHOWN = 20


def routing_metadata(hub: Hub, plans: Sequence[Plan]) -> dict[str, Any]:
    """Of the first plan of a run, which had everything in it."""
    if not plans:
        return {}
    first = plans[0]
    currency = hub.config.routing.currency
    return {
        "routing/cost": str(Money(first.cost, currency)),
        "routing/objective": round(first.objective, 2),
        "routing/lower_bound": round(first.lower_bound, 2),
        "routing/gap_percent": round(first.gap_percent, 3),
        "routing/seconds": round(first.seconds, 3),
        "routing/next_best": _next_best(hub, first, currency),
        "routing/scarce": _scarce(first, currency),
    }


def _next_best(hub: Hub, plan: Plan, currency: str) -> dg.MarkdownMetadataValue:
    """A table of the decisions of which most depended: those whose next best is dearest first."""
    told = [one for one in plan.orders if one.next_best and any(a.kept is None for a in one.assignments)]
    told.sort(key=lambda one: (-(one.next_best.extra if one.next_best else 0), one.order_id))
    with hub.store.read() as tx:
        wanted = [one.order_id for one in told[:SHOWN]]
        numbers = {row["id"]: row["number"] for row in rows_where(tx, orders, orders.c.id, wanted)}
    rows = [_row(one, str(numbers[one.order_id]), currency) for one in told[:SHOWN]]
    if not rows:
        return dg.MetadataValue.md("nothing was shipped that could have come from elsewhere")
    head = [
        "| order | ships from | cost | without | it would come from | more |",
        "|---|---|---|---|---|---|",
    ]
    more = "`orderhub explain ORDER` tells all of one; docs/routing.md says how to read it."
    return dg.MetadataValue.md("\n".join([*head, *rows, "", more]))


def _row(one: OrderPlan, number: str, currency: str) -> str:
    best = one.next_best
    sites = ", ".join(a.site for a in one.assignments)
    cost = Money(one.cost, currency)
    if best is None:
        return f"| {markdown(number)} | {sites} | {cost} | | | |"
    instead = ", ".join(best.sites) or "nowhere: it would wait"
    return (
        f"| {markdown(number)} | {sites} | {cost} | {best.without} | {instead} "
        f"| {Money(best.extra, currency)} |"
    )


def _scarce(plan: Plan, currency: str) -> dg.MarkdownMetadataValue:
    """The goods of which one more unit would save most, with an amount where that is money."""
    dearest = sorted(plan.stock_prices.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
    lines = [
        f"- {markdown(sku)} at {site}{_worth(price, plan.money_below, currency)}"
        for (site, sku), price in dearest
        if price >= 1
    ]
    return dg.MetadataValue.md("\n".join(lines) if lines else "nothing is scarce")


def _worth(price: float, money_below: float, currency: str) -> str:
    if price < money_below:
        return f": {Money(round(price), currency)}"
    return ": one more would let more be shipped" if money_below else ""
