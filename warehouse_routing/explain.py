"""From the sites that the search chose to decisions with their reasons, in words that need no mathematics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse_routing.causes import backorders
from warehouse_routing.landscape import OPEN
from warehouse_routing.next_best import Alternatives
from warehouse_routing.objective import Measure, cost_as_it_stands
from warehouse_routing.one_order import Shelves
from warehouse_routing.plan import (
    AssignedLine,
    Assignment,
    Candidate,
    OrderPlan,
    Plan,
    ScarcePrice,
)
from warehouse_routing.problem import Component, Standing
from warehouse_routing.sentences import barred_goods, late, reasons, shut

MOST_PRICES = 5
"""Scarce goods that an explanation names."""
NOTABLE = 0.5
"""Prices below half a minor unit decide nothing."""


@dataclass(frozen=True, slots=True)
class Explaining:
    """All that the words are made of. `shelves` are what the whole plan leaves."""

    measure: Measure
    shelves: Shelves
    ways: Sequence[Sequence[int]]
    stock_price: Sequence[Sequence[float]]
    room_price: Sequence[float]
    alternatives: Alternatives

    def plan(self, bound: float) -> Plan:
        """The decisions on all orders, with what they come to."""
        totals = [self.measure.order(n, way) for n, way in enumerate(self.ways)]
        objective = sum(total for total, _ in totals)
        sites, skus = self.measure.land.sites, self.measure.skus
        return Plan(
            tuple(self.order(n, money) for n, (_, money) in enumerate(totals)),
            cost=sum(money for _, money in totals),
            objective=objective,
            lower_bound=min(bound, objective),
            stock_prices={
                (sites[w].code, skus[k]): price
                for k, row in enumerate(self.stock_price)
                for w, price in enumerate(row)
                if price > 0
            },
            capacity_prices={sites[w].code: price for w, price in enumerate(self.room_price) if price > 0},
            money_below=self.measure.money_below,
        )

    def order(self, n: int, money: int) -> OrderPlan:
        """The decision on one order."""
        measure, way = self.measure, self.ways[n]
        next_best = self.alternatives.of(n)
        self.shelves.take(measure.portions[n], way, -1)
        left = backorders(measure, n, way, self.shelves, self.alternatives.stock)
        seen = self._candidates(n)
        self.shelves.take(measure.portions[n], way)
        assignments = self._assignments(n)
        order = measure.land.orders[n].order
        kept = {one.kept for one in assignments if one.kept is not None}
        withdrawn = tuple(one.key for one in order.standing if one.key not in kept)
        saving = cost_as_it_stands(measure.land, n) - money if withdrawn else 0
        prices = self._prices(n)
        words = reasons(measure, n, assignments, left, seen, withdrawn, saving, prices, next_best)
        return OrderPlan(
            order.order_id, assignments, left, seen, words, money, prices, next_best, withdrawn, saving
        )

    def _assignments(self, n: int) -> tuple[Assignment, ...]:
        measure, land = self.measure, self.measure.land
        one = land.orders[n]
        found = []
        for w in sorted({w for w in self.ways[n] if w >= 0}, key=lambda w: _rank(measure, n, w)):
            portions = [p for p, at in zip(measure.portions[n], self.ways[n], strict=True) if at == w]
            units: dict[int, int] = {}
            for portion in portions:
                units[portion.line] = units.get(portion.line, 0) + portion.units
            lines = tuple(
                AssignedLine(
                    line.line_id,
                    units[at],
                    tuple(Component(part.sku, part.units * units[at]) for part in line.components),
                )
                for at, line in enumerate(one.lines)
                if at in units
            )
            _, cost, quote = measure.parcel(n, w, portions)
            standing = _as_it_stands(one.order.standing, land.sites[w].code, lines)
            found.append(
                Assignment(
                    land.sites[w].code,
                    lines,
                    standing.dispatch_date if standing else land.days[w],
                    _km(measure, n, w),
                    quote.late,
                    quote.service,
                    quote.arrives,
                    cost,
                    standing.key if standing else None,
                )
            )
        return tuple(found)

    def _candidates(self, n: int) -> tuple[Candidate, ...]:
        """All sites, near ones first, with what ruled each out."""
        measure, land = self.measure, self.measure.land
        chosen = {w for w in self.ways[n] if w >= 0}
        found = []
        for w in sorted(range(len(land.sites)), key=lambda w: _rank(measure, n, w)):
            may = land.shut[n, w] == OPEN and all(measure.may_ship(n, w, one) for one in measure.portions[n])
            cost = service = arrives = None
            if may and measure.portions[n]:
                _, cost, quote = measure.parcel(n, w, measure.portions[n])
                service, arrives = quote.service, quote.arrives
            found.append(
                Candidate(
                    land.sites[w].code,
                    _km(measure, n, w),
                    land.days[w],
                    self._ruled_out(n, w),
                    w in chosen,
                    cost,
                    service or "",
                    arrives,
                )
            )
        return tuple(found)

    def _ruled_out(self, n: int, w: int) -> tuple[str, ...]:
        measure, land, shelves = self.measure, self.measure.land, self.shelves
        words: list[str] = []
        if land.shut[n, w] != OPEN:
            words.append(shut(measure, n, w))
        words += barred_goods(measure, n, w)
        if shelves.room[w] <= 0:
            words.append(f"has no parcel left on {land.days[w]}")
        needed: dict[int, int] = {}
        for portion in measure.portions[n]:
            for k, units in portion.parts:
                needed[k] = needed.get(k, 0) + units
        lacks = []
        for k, units in sorted(needed.items()):
            if shelves.units[k][w] < units:
                taken = " (other orders get it)" if self.alternatives.stock[k][w] >= units else ""
                lacks.append(f"{units - max(0, shelves.units[k][w])} of {measure.skus[k]}{taken}")
        if lacks:
            words.append("lacks " + ", ".join(lacks))
        if missed := late(measure, n, w):
            words.append(missed)
        return tuple(words)

    def _prices(self, n: int) -> tuple[ScarcePrice, ...]:
        """Of what the order wants at the sites that could ship it, dearest first."""
        measure = self.measure
        skus = sorted({k for portion in measure.portions[n] for k, _ in portion.parts})
        found = []
        for w, site in enumerate(measure.land.sites):
            if measure.land.shut[n, w] != OPEN:
                continue
            found += [
                ScarcePrice(site.code, measure.skus[k], self.stock_price[k][w])
                for k in skus
                if self.stock_price[k][w] > NOTABLE
            ]
            if self.room_price[w] > NOTABLE:
                found.append(ScarcePrice(site.code, None, self.room_price[w]))
        return tuple(sorted(found, key=lambda one: (-one.price, one.site, one.sku or ""))[:MOST_PRICES])


def _rank(measure: Measure, n: int, w: int) -> tuple[bool, float, str]:
    """Punctual before late, near before far."""
    land = measure.land
    late = bool((land.usable[:, n, w] & land.late[:, n, w]).any())
    km = land.km[n, w]
    return (late, 0.0 if np.isnan(km) else float(km), land.sites[w].code)


def _km(measure: Measure, n: int, w: int) -> float | None:
    km = float(measure.land.km[n, w])
    return None if np.isnan(km) else km


def _as_it_stands(standing: Sequence[Standing], site: str, lines: Sequence[AssignedLine]) -> Standing | None:
    """The parcel that is planned already just so."""
    units = {line.line_id: line.units for line in lines}
    return next((one for one in standing if one.site == site and dict(one.lines) == units), None)
