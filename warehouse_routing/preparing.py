"""Orders as they go into a decision: whose turn comes first, what is not released yet, what replaces what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from warehouse_routing.plan import Backorder, Cause
from warehouse_routing.policy import BackorderRule, Policy
from warehouse_routing.problem import Component, OpenLine, OrderToRoute, Problem

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
    left: dict[str, int] = {}
    codes = {site.code for site in problem.sites}
    for (site, sku), units in problem.stock.items():
        if units > 0 and site in codes:
            left[sku] = left.get(sku, 0) + units
    found = []
    for order in sorted(problem.orders, key=turn):
        skus = {part.sku for line in order.lines for part in line.components}
        rules = problem.policy.of(order.channel, order.service, order.country_code, skus)
        released, early = _released(order, problem)
        if early and (rules.backorder is BackorderRule.WAIT_FOR_ALL or not rules.split):
            early += [Backorder(line.line_id, line.units, Cause.WAITS_FOR_ALL) for line in released]
            released = []
        lines, replaced = _substituted(released, order, rules, left)
        found.append(Prepared(order, rules, tuple(lines), tuple(early), tuple(replaced)))
    return found


def _released(order: OrderToRoute, problem: Problem) -> tuple[list[OpenLine], list[Backorder]]:
    today = problem.now.astimezone(UTC).date()
    released: list[OpenLine] = []
    early: list[Backorder] = []
    for line in order.lines:
        dates = [problem.policy.release_dates.get(part.sku) for part in line.components]
        waiting = tuple(
            part.sku for part, day in zip(line.components, dates, strict=True) if day and day > today
        )
        if waiting:
            early.append(Backorder(line.line_id, line.units, Cause.PRE_ORDER, waiting))
        else:
            released.append(line)
    return released, early


def _substituted(
    lines: Iterable[OpenLine], order: OrderToRoute, rules: Policy, left: dict[str, int]
) -> tuple[list[OpenLine], list[tuple[str, str]]]:
    """Lines in their turn count down what there is of a SKU; where it runs out, a substitute steps in."""
    if not rules.substitutes:
        return list(lines), []
    held: dict[str, int] = {}
    for standing in order.standing:
        for sku, units in standing.components.items():
            held[sku] = held.get(sku, 0) + units
    found: list[OpenLine] = []
    replaced: list[tuple[str, str]] = []
    for line in lines:
        parts: list[Component] = []
        for part in line.components:
            sku = _served_by(part, line, rules.substitutes, left, held)
            left[sku] = left.get(sku, 0) - max(0, part.units * line.units - held.get(sku, 0))
            parts.append(Component(sku, part.units))
        if len({part.sku for part in parts}) < len(parts):  # two parts would become the same SKU
            parts = list(line.components)
        replaced += [
            (old.sku, new.sku) for old, new in zip(line.components, parts, strict=True) if old.sku != new.sku
        ]
        found.append(replace(line, components=tuple(parts)))
    return found, replaced


def _served_by(
    part: Component,
    line: OpenLine,
    substitutes: Mapping[str, tuple[str, ...]],
    left: Mapping[str, int],
    held: Mapping[str, int],
) -> str:
    """The SKU itself, unless there is too little of it and enough of a substitute."""
    needed = part.units * line.units
    for sku in (part.sku, *substitutes.get(part.sku, ())):
        if left.get(sku, 0) + held.get(sku, 0) >= needed:
            return sku
    return part.sku
