"""What would have been done otherwise, and what that would cost: two figures, both true.

The choice that is taken away is one of the chosen sites, for this order. With every other order left as it
is, the best that remains is found exactly: what it costs more is the most that the choice can be worth. If
all other orders were routed anew too, the loss could be smaller, but not below a bound: with prices p on
scarce goods, L = sum over orders of their least cost at these prices - sum of p x what there is, is at most
what any plan costs (Lagrangian relaxation), and forbidding the choice raises one order's term of it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from warehouse_routing.objective import Measure
from warehouse_routing.one_order import NO_LIMIT, Costs, Shelves, Way, best_way
from warehouse_routing.plan import NextBest


@dataclass
class Alternatives:
    """Works out next bests for the orders of one decision.

    Attributes:
        shelves: What all decisions together have left.
        stock: [K][W] what there was before.
        total: The measure of the whole plan.
        first: Orders whose way was fixed before all others, for fairness.
    """

    measure: Measure
    costs: Sequence[Costs]
    shelves: Shelves
    stock: Sequence[Sequence[int]]
    room: Sequence[int]
    ways: Sequence[Sequence[int]]
    stock_price: Sequence[Sequence[float]]
    room_price: Sequence[float]
    total: float
    deadline: float
    _least: list[float] | None = field(default=None, init=False)
    _bound: float | None = field(default=None, init=False)

    def of(self, n: int) -> NextBest | None:
        """The best without one of the order's sites, whichever is missed least; None if unknown."""
        chosen = sorted({w for w in self.ways[n] if w >= 0})
        if not chosen or time.monotonic() > self.deadline:
            return None
        portions = self.measure.portions[n]
        now, money = self.measure.order(n, self.ways[n])
        self.shelves.take(portions, self.ways[n], -1)
        tries = [(best_way(self.measure, n, self.costs[n], self.shelves, without=[w]), w) for w in chosen]
        self.shelves.take(portions, self.ways[n])
        if not all(way.exact for way, _ in tries):
            return None
        best, without = min(tries, key=lambda pair: (pair[0].total, pair[1]))
        then = self.measure.order(n, best.sites)[1]
        sites = self.measure.land.sites
        return NextBest(
            without=sites[without].code,
            sites=tuple(sites[w].code for w in sorted({w for w in best.sites if w >= 0})),
            units_waiting=sum(p.units for p, w in zip(portions, best.sites, strict=True) if w < 0),
            cost=then,
            extra=then - money,
            extra_by_policy=max(0.0, best.total - now),
            at_least=self._at_least(n, chosen, best.total - now),
        )

    def _at_least(self, n: int, chosen: Sequence[int], at_most: float) -> float | None:
        """By how much the whole plan gets worse at least, whichever of the chosen sites is taken away."""
        bound = self._whole_bound()
        if bound is None or self._least is None:
            return None
        forbidden = [self._priced(n, [w]) for w in chosen]
        if not all(way.exact for way in forbidden):
            return None
        raised = min(way.total for way in forbidden) - self._least[n]
        return min(max(0.0, at_most), bound + raised - self.total)

    def _whole_bound(self) -> float | None:
        """L of the module's text; None if there was no time, or an order could not be looked through."""
        if self._least is None:
            least: list[float] = []
            for n in range(len(self.ways)):
                way = self._priced(n, [])
                if not way.exact or time.monotonic() > self.deadline:
                    self._least = []
                    return None
                least.append(way.total)
            self._least = least
            paid = sum(
                price * max(0, units)
                for prices, row in zip(self.stock_price, self.stock, strict=True)
                for price, units in zip(prices, row, strict=True)
            )
            paid += sum(
                price * room
                for price, room in zip(self.room_price, self.room, strict=True)
                if room < NO_LIMIT
            )
            self._bound = sum(least) - paid
        return self._bound

    def _priced(self, n: int, without: Sequence[int]) -> Way:
        """The order's best at the prices of scarce goods, with no limit on them."""
        return best_way(
            self.measure,
            n,
            self.costs[n],
            None,
            without=without,
            unit_price=lambda k, w: self.stock_price[k][w],
            parcel_price=self.room_price,
        )
