"""What one more unit would be worth: dual prices of stock, at empty shelves too.

The plan's own prices tell it where there is some stock and too little of it. Where there is none, nobody can
ask for it, and no price forms. So the bound is climbed once more with every shelf open to one unit more than
it holds, while its row still says what it holds: the price that keeps orders from the missing unit is what it
would save, at most. (The dual function is convex in the stock: one more unit lowers the bound by no more than
its price.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from warehouse_routing.batching import batch_of, costs_of
from warehouse_routing.landscape import landscape_of
from warehouse_routing.objective import measure_of
from warehouse_routing.preparing import prepared
from warehouse_routing.problem import Problem
from warehouse_routing.router import shelves_of

STEPS = 400
FIRST_STEP = 0.25
"""Share of the mean price of a parcel by which the prices move at first."""


@dataclass(frozen=True, slots=True)
class Worths:
    """What units more would save.

    Attributes:
        stock: By (site, SKU), for the first unit more; positions where it would save nothing are left out.
        lower_bound: No plan of the problem is better.
    """

    stock: Mapping[tuple[str, str], float]
    lower_bound: float


def worth_of(problem: Problem) -> Worths:
    """Price one more unit everywhere, by the problem's own measure."""
    # Imported here: it brings the compiler of the solver's loops, which takes a second.
    from warehouse_routing.rolling_prices import climb_prices

    measure = measure_of(landscape_of(problem, prepared(problem)))
    rows = [n for n, portions in enumerate(measure.portions) if portions]
    if not rows:
        return Worths({}, 0.0)
    costs = [costs_of(measure, n) for n in rows]
    shelves = shelves_of(measure)
    batch = batch_of(measure, rows, costs, shelves.units, shelves.limits())
    finite = batch.parcel_cost[np.isfinite(batch.parcel_cost)]
    step = FIRST_STEP * max(1.0, float(finite.mean())) if finite.size else 1.0
    found = climb_prices(batch, STEPS, step, one_more=True)
    price = found.stock
    sites = measure.land.sites
    worth = {
        (site.code, sku): float(price[w, k])
        for w, site in enumerate(sites)
        for k, sku in enumerate(measure.skus)
        if price[w, k] > 0
    }
    return Worths(worth, found.bound)
