"""Orders as they go into a decision: whose turn comes first, what is not released yet, which rules hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from warehouse_routing.calendar import dispatch_date
from warehouse_routing.plan import Backorder, Cause
from warehouse_routing.policy import BackorderRule, Policy
from warehouse_routing.problem import OpenLine, OrderToRoute, Problem
from warehouse_routing.substituting import Substitution

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order with its rules.

    Attributes:
        rules: The policy as it holds for this order.
        lines: What may be shipped now, substitutes in place.
        held_back: What may not.
        replaced: (SKU, what is sent instead), in the order of the lines.
    """

    order: OrderToRoute
    rules: Policy
    lines: tuple[OpenLine, ...]
    held_back: tuple[Backorder, ...]
    replaced: tuple[tuple[str, str], ...] = ()

    @property
    def further_sites(self) -> int | None:
        """How many sites may get parcels of it beside those that have some; None for any number."""
        most = self.rules.max_sites if self.rules.split else None
        return None if most is None else max(0, most - len(self.order.given))


def turn(order: OrderToRoute) -> tuple[bool, datetime, datetime, int]:
    """Backorders first, then by promise, then by age."""
    return (
        not order.backordered,
        order.ship_by or order.deliver_by or _NEVER,
        order.placed_at,
        order.order_id,
    )


def prepared(problem: Problem) -> list[Prepared]:
    """All orders in their turn."""
    substitution = Substitution(problem) if problem.policy.substitutes else None
    # Nothing leaves before this day. Other sites may be a day ahead.
    day = min((dispatch_date(site, problem.now) for site in problem.sites), default=problem.now.date())
    found = []
    for order in sorted(problem.orders, key=turn):
        skus = frozenset[str]().union(*(line.skus for line in order.lines))
        rules = problem.policy.of(order.channel, order.service, order.country_code, skus)
        released, early = _released(order, problem.policy.release_dates, day)
        if early and (rules.backorder is BackorderRule.WAIT_FOR_ALL or not rules.split):
            early += [Backorder(line.line_id, line.units, Cause.WAITS_FOR_ALL) for line in released]
            released = []
        lines, replaced = substitution.applied(released, order, rules) if substitution else (released, ())
        found.append(Prepared(order, rules, tuple(lines), tuple(early), tuple(replaced)))
    return found


def _released(
    order: OrderToRoute, dates: Mapping[str, date], day: date
) -> tuple[list[OpenLine], list[Backorder]]:
    released: list[OpenLine] = []
    early: list[Backorder] = []
    for line in order.lines:
        waiting = tuple(sorted(sku for sku in line.skus if dates.get(sku, day) > day))
        if waiting:
            early.append(Backorder(line.line_id, line.units, Cause.PRE_ORDER, waiting))
        else:
            released.append(line)
    return released, early
