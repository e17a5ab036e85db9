"""What is sent instead of goods of which there is too little where an order can be shipped from."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from warehouse_routing.policy import Policy
from warehouse_routing.problem import Component, OpenLine, OrderToRoute, Problem


class Substitution:
    """Counts down what there is of each SKU, order by order in their turn, and says what replaces what."""

    def __init__(self, problem: Problem) -> None:
        self._sites = problem.sites
        self._left = Counter({place: units for place, units in problem.stock.items() if units > 0})

    def applied(
        self, lines: Iterable[OpenLine], order: OrderToRoute, rules: Policy
    ) -> tuple[list[OpenLine], Sequence[tuple[str, str]]]:
        """An order's lines with substitutes in place, and (SKU, what is sent instead) in their order."""
        sites = [
            site.code
            for site in self._sites
            if site.code not in order.excluded and site.serves(order.country_code, order.postal_code)
        ]
        held: Counter[str] = Counter()
        for standing in order.standing:
            held.update(standing.components)
        divisible = rules.split and rules.split_lines
        found: list[OpenLine] = []
        replaced: list[tuple[str, str]] = []
        for line in lines:
            parts: list[Component] = []
            for part in line.components:
                needed = part.units * line.units
                sku = part.sku
                for one in (part.sku, *rules.substitutes.get(part.sku, ())):
                    if self._within_reach(one, sites, divisible) + held[one] >= needed:
                        sku = one
                        break
                self._take(sku, needed - held[sku], sites, divisible)
                parts.append(Component(sku, part.units))
            if len({part.sku for part in parts}) < len(parts):  # two parts would become the same SKU
                parts = list(line.components)
            replaced += [
                (old.sku, new.sku)
                for old, new in zip(line.components, parts, strict=True)
                if old.sku != new.sku
            ]
            found.append(replace(line, components=tuple(parts)))
        return found, replaced

    def _within_reach(self, sku: str, sites: Collection[str], divisible: bool) -> int:
        """Units that a line can get: from all sites together if it may be divided, else from one."""
        there = [self._left[site, sku] for site in sites]
        return sum(there) if divisible else max(there, default=0)

    def _take(self, sku: str, units: int, sites: Collection[str], divisible: bool) -> None:
        """Count down, the fullest site first; a line that must stay whole and cannot takes nothing."""
        if not divisible and self._within_reach(sku, sites, divisible) < units:
            return
        for site in sorted(sites, key=lambda one: -self._left[one, sku]):
            taken = min(max(0, units), self._left[site, sku])
            self._left[site, sku] -= taken
            units -= taken
